// The Go side of the gob tests. It speaks frames on its pipes: four bytes of length, big-endian,
// then the content.
//
//	main emit SEED COUNT RESET   writes COUNT pairs of frames: a JSON description of a random
//	                             value, and what encoding/gob makes of it. Every RESET values a
//	                             new stream begins, which the description says.
//	main read                    reads pairs of frames, a type's name and gob bytes, all of one
//	                             stream, and answers each with the description of what it read.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"time"
)

type Args struct{ A, B int }
type Empty struct{}
type Point struct{ X, Y int }
type Circle struct {
	Center Point
	Radius float64
}
type Shape interface{ Area() float64 }

func (p Point) Area() float64   { return 0 }
func (c *Circle) Area() float64 { return c.Radius }

type All struct {
	Bool bool
	I    int
	I8   int8
	I16  int16
	I32  int32
	I64  int64
	U    uint
	U8   uint8
	U16  uint16
	U32  uint32
	U64  uint64
	F64  float64
	F32  float32
	C    complex128
	S    string
	B    []byte
}
type Inner struct {
	Name string
	N    int
}
type Nested struct {
	In    Inner
	Ptr   *Inner
	Slice []Inner
	Ptrs  []*Inner
	Map   map[string]Inner
}
type Node struct {
	Value int
	Next  *Node
}
type Tree struct {
	Name     string
	Children []*Tree
}
type Ping struct {
	P    int
	Pong *Pong
}
type Pong struct {
	Q     string
	Pings []Ping
}
type Embedded struct {
	Inner
	Extra string
}
type Pointers struct {
	I *int
	S *string
	F *float64
	N **int
	L *[]int
	T *time.Time
	A *[2]int
}
type Event struct {
	At    time.Time
	Name  string
	Times []time.Time
	ByKey map[string]time.Time
}
type Big struct {
	N *big.Int
	L []*big.Int
}
type Iface struct {
	V any
	L []any
	M map[string]any
	Z int
}
type Shapes struct {
	One  Shape
	Many []Shape
}
type Money struct{ cents int64 }

func (m Money) GobEncode() ([]byte, error) {
	return binary.BigEndian.AppendUint64(nil, uint64(m.cents)), nil
}
func (m *Money) GobDecode(b []byte) error {
	if len(b) != 8 {
		return fmt.Errorf("money of %d bytes", len(b))
	}
	m.cents = int64(binary.BigEndian.Uint64(b))
	return nil
}

type Coded struct{ text string }

func (c Coded) MarshalBinary() ([]byte, error)     { return []byte(c.text), nil }
func (c *Coded) UnmarshalBinary(data []byte) error { c.text = string(data); return nil }

type Opaque struct {
	G Money
	B Coded
	L []Money
}

// Simple holds no value with interfaces in it: where Go ignores a field it can't follow types that
// are first defined in an interface inside of an interface.
type Simple any
type Version1 struct {
	Kept    int32
	Removed map[string][]Inner
	Later   string
	Gone    Simple
	Last    []float64
}
type Version2 struct {
	Last  []float64
	Added Inner
	Kept  int32
	Later string
	New   *Inner
	Flag  bool
}
type Key struct {
	A int
	B string
}
type Arrays struct {
	A [3]Inner
	B [2][2]int
	C [0]int
	D [4]byte
}
type Request struct {
	ServiceMethod string
	Seq           uint64
}
type Response struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}
type Slices []Slices
type Maps map[string]Maps

type entry struct {
	name       string
	send, read reflect.Type
}

var table []entry
var byName = map[string]entry{}

func add(name string, send, read any) {
	e := entry{name, reflect.TypeOf(send).Elem(), reflect.TypeOf(read).Elem()}
	table = append(table, e)
	byName[name] = e
}

func same[T any](name string) { add(name, (*T)(nil), (*T)(nil)) }

func init() {
	gob.Register(Point{})
	gob.Register(&Circle{})
	gob.Register(time.Time{})
	gob.Register([]any{})
	gob.Register(map[string]any{})
	gob.Register(Tree{})
	same[bool]("bool")
	same[int]("int")
	same[int8]("int8")
	same[int16]("int16")
	same[int32]("int32")
	same[int64]("int64")
	same[uint]("uint")
	same[uint8]("uint8")
	same[uint16]("uint16")
	same[uint32]("uint32")
	same[uint64]("uint64")
	same[float64]("float64")
	same[float32]("float32")
	same[complex128]("complex128")
	same[string]("string")
	same[[]byte]("bytes")
	same[[]int]("ints")
	same[[][]string]("strings2")
	same[[]float64]("floats")
	same[[3]int]("array3")
	same[[4]byte]("bytes4")
	same[[0]int]("array0")
	same[map[string]int]("mapStringInt")
	same[map[int][]string]("mapIntStrings")
	same[map[float64]bool]("mapFloatBool")
	same[map[Key]string]("mapStruct")
	same[map[[2]int]string]("mapArray")
	same[map[string]map[string]float64]("mapMap")
	same[Args]("Args")
	same[All]("All")
	same[Nested]("Nested")
	same[Node]("Node")
	same[Tree]("Tree")
	same[Ping]("Ping")
	same[Embedded]("Embedded")
	same[Pointers]("Pointers")
	same[time.Time]("Time")
	same[Event]("Event")
	same[Big]("Big")
	same[Iface]("Iface")
	same[Shapes]("Shapes")
	same[Opaque]("Opaque")
	same[Empty]("Empty")
	same[[]Empty]("empties")
	same[Arrays]("Arrays")
	same[Request]("Request")
	same[Response]("Response")
	same[Slices]("Slices")
	same[Maps]("Maps")
	add("Version", (*Version1)(nil), (*Version2)(nil))
	add("VersionBack", (*Version2)(nil), (*Version1)(nil))
}

var (
	timeType   = reflect.TypeOf(time.Time{})
	bigType    = reflect.TypeOf(big.Int{})
	moneyType  = reflect.TypeOf(Money{})
	codedType  = reflect.TypeOf(Coded{})
	simpleType = reflect.TypeOf((*Simple)(nil)).Elem()
	anyType    = reflect.TypeOf((*any)(nil)).Elem()
	shapesType = reflect.TypeOf((*Shape)(nil)).Elem()
)

func randomInt(r *rand.Rand) int64 {
	switch r.Intn(6) {
	case 0:
		return 0
	case 1:
		return int64(r.Intn(300) - 150)
	case 2:
		return []int64{math.MaxInt64, math.MinInt64, 1<<53 - 1, 1 << 53, -(1 << 53), 1<<53 + 1, 1 << 52, -1 << 51}[r.Intn(8)]
	default:
		return int64(r.Uint64()) >> r.Intn(64)
	}
}

func randomUint(r *rand.Rand) uint64 {
	switch r.Intn(6) {
	case 0:
		return 0
	case 1:
		return uint64(r.Intn(300))
	case 2:
		return math.MaxUint64
	default:
		return r.Uint64() >> r.Intn(64)
	}
}

func randomFloat(r *rand.Rand) float64 {
	switch r.Intn(8) {
	case 0:
		return []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64}[r.Intn(7)]
	case 1:
		return float64(r.Intn(1000))
	default:
		return r.NormFloat64()
	}
}

func randomString(r *rand.Rand) string {
	letters := []rune("abcXYZ019 _.\"\\\n\u00e9\u20ac\U0001F600\ufeff\x00")
	length := r.Intn(12)
	if r.Intn(20) == 0 {
		length = r.Intn(400)
	}
	text := make([]rune, length)
	for i := range text {
		text[i] = letters[r.Intn(len(letters))]
	}
	return string(text)
}

func randomTime(r *rand.Rand) time.Time {
	if r.Intn(8) == 0 {
		return time.Time{}
	}
	t := time.Unix(r.Int63n(8e9)-4e9, r.Int63n(1e9))
	switch r.Intn(3) {
	case 0:
		return t.In(time.FixedZone("", (r.Intn(700)+2)*60*(1-2*r.Intn(2))))
	case 1:
		return t.In(time.FixedZone("", r.Intn(40000)+61))
	}
	return t.UTC()
}

func randomAny(r *rand.Rand, depth int) any {
	kinds := 9
	if depth > 3 {
		kinds = 6
	}
	switch r.Intn(kinds) {
	case 0:
		return nil
	case 1:
		return int(randomInt(r))
	case 2:
		return randomString(r)
	case 3:
		return randomFloat(r)
	case 4:
		return []int{1, int(randomInt(r))}
	case 5:
		return Point{r.Intn(9), r.Intn(9)}
	case 6:
		var list []any
		fill(r, reflect.ValueOf(&list).Elem(), depth+1)
		return list
	case 7:
		var m map[string]any
		fill(r, reflect.ValueOf(&m).Elem(), depth+1)
		return m
	}
	return randomTime(r)
}

func fill(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Type() {
	case timeType:
		v.Set(reflect.ValueOf(randomTime(r)))
		return
	case bigType:
		n := new(big.Int).Rand(r, new(big.Int).Lsh(big.NewInt(1), uint(r.Intn(200)+1)))
		if r.Intn(2) == 0 {
			n.Neg(n)
		}
		v.Addr().Interface().(*big.Int).Set(n)
		return
	case moneyType:
		v.Set(reflect.ValueOf(Money{randomInt(r)}))
		return
	case codedType:
		v.Set(reflect.ValueOf(Coded{randomString(r)}))
		return
	case simpleType:
		if x := randomAny(r, 9); x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return
	case anyType:
		if x := randomAny(r, depth); x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return
	case shapesType:
		switch r.Intn(3) {
		case 0:
			v.Set(reflect.ValueOf(Point{r.Intn(9), r.Intn(9)}))
		case 1:
			v.Set(reflect.ValueOf(&Circle{Point{1, r.Intn(2)}, randomFloat(r)}))
		}
		return
	}
	count := r.Intn(4)
	if depth > 4 {
		count = 0
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.Intn(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(randomInt(r) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(randomUint(r) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Float64:
		v.SetFloat(randomFloat(r))
	case reflect.Float32:
		f := float32(randomFloat(r))
		v.SetFloat(float64(f))
	case reflect.Complex128:
		v.SetComplex(complex(randomFloat(r), randomFloat(r)))
	case reflect.String:
		v.SetString(randomString(r))
	case reflect.Pointer:
		if r.Intn(3) > 0 && depth <= 4 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, r.Intn(300)*r.Intn(2))
			r.Read(b)
			v.SetBytes(b)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), count, count))
		for i := 0; i < count; i++ {
			fillPresent(r, v.Index(i), depth+1)
		}
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			fillPresent(r, v.Index(i), depth+1)
		}
	case reflect.Map:
		if count == 0 && r.Intn(2) == 0 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for i := 0; i < count; i++ {
			key := reflect.New(v.Type().Key()).Elem()
			value := reflect.New(v.Type().Elem()).Elem()
			fill(r, key, depth+1)
			fillPresent(r, value, depth+1)
			if key.Kind() == reflect.Float64 && (math.IsNaN(key.Float()) || key.Float() == 0) {
				continue // not equal to itself, or -0, which no JavaScript Map has
			}
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if r.Intn(4) > 0 {
				fill(r, v.Field(i), depth+1)
			}
		}
	default:
		panic("no random " + v.Type().String())
	}
}

// fillPresent fills an element, which gob doesn't allow to be a nil pointer.
func fillPresent(r *rand.Rand, v reflect.Value, depth int) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), depth)
		return
	}
	fill(r, v, depth)
}

func describeFloat(f float64) string {
	if math.IsNaN(f) {
		return "NaN"
	}
	return strconv.FormatUint(math.Float64bits(f), 16)
}

func describe(v reflect.Value) any {
	switch v.Type() {
	case timeType:
		t := v.Interface().(time.Time)
		n := new(big.Int).Mul(big.NewInt(t.Unix()), big.NewInt(1e9))
		n.Add(n, big.NewInt(int64(t.Nanosecond())))
		if t.Location() == time.UTC {
			return []any{"T", n.String(), nil}
		}
		_, offset := t.Zone()
		return []any{"T", n.String(), offset}
	case bigType:
		return []any{"B", v.Addr().Interface().(*big.Int).String()}
	case moneyType:
		b, _ := v.Interface().(Money).GobEncode()
		return []any{"x", hex.EncodeToString(b)}
	case codedType:
		return []any{"x", hex.EncodeToString([]byte(v.Interface().(Coded).text))}
	}
	switch v.Kind() {
	case reflect.Bool:
		return []any{"t", v.Bool()}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return []any{"i", strconv.FormatInt(v.Int(), 10)}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return []any{"i", strconv.FormatUint(v.Uint(), 10)}
	case reflect.Float32, reflect.Float64:
		return []any{"f", describeFloat(v.Float())}
	case reflect.Complex128:
		return []any{"c", describeFloat(real(v.Complex())), describeFloat(imag(v.Complex()))}
	case reflect.String:
		return []any{"s", v.String()}
	case reflect.Pointer:
		if v.IsNil() {
			return []any{"n"}
		}
		return describe(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return []any{"n"}
		}
		copied := reflect.New(v.Elem().Type()).Elem()
		copied.Set(v.Elem())
		return describe(copied)
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			return []any{"b", hex.EncodeToString(v.Bytes())}
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = describe(v.Index(i))
		}
		return []any{"l", list}
	case reflect.Map:
		list := make([]any, 0, v.Len())
		for iter := v.MapRange(); iter.Next(); {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(iter.Value())
			list = append(list, []any{describe(iter.Key()), describe(value)})
		}
		return []any{"m", list}
	case reflect.Struct:
		fields := map[string]any{}
		for i := 0; i < v.NumField(); i++ {
			fields[v.Type().Field(i).Name] = describe(v.Field(i))
		}
		return []any{"o", fields}
	}
	panic("no description of " + v.Type().String())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func writeFrame(w io.Writer, content []byte) {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(content)))
	w.Write(length[:])
	_, err := w.Write(content)
	check(err)
}

func readFrame(r io.Reader) []byte {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err == io.EOF {
		return nil
	} else {
		check(err)
	}
	content := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(r, content)
	check(err)
	return content
}

func emit(seed int64, count, reset int) {
	r := rand.New(rand.NewSource(seed))
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	var encoded bytes.Buffer
	var encoder *gob.Encoder
	var again bytes.Buffer
	var decoder *gob.Decoder
	for i := 0; i < count; i++ {
		if i%reset == 0 {
			encoded.Reset()
			again.Reset()
			encoder = gob.NewEncoder(&encoded)
			decoder = gob.NewDecoder(&again)
		}
		e := table[r.Intn(len(table))]
		value := reflect.New(e.send)
		fill(r, value.Elem(), 0)
		encoded.Reset()
		check(encoder.Encode(value.Interface()))
		// What Go itself reads is what is expected: -0 in a field, say, becomes 0.
		again.Write(encoded.Bytes())
		read := reflect.New(e.read)
		check(decoder.Decode(read.Interface()))
		description, err := json.Marshal(map[string]any{
			"type": e.name, "first": i%reset == 0, "value": describe(read.Elem()),
		})
		check(err)
		writeFrame(out, description)
		writeFrame(out, encoded.Bytes())
	}
	check(out.Flush())
}

func read() {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	var stream bytes.Buffer
	decoder := gob.NewDecoder(&stream)
	for {
		name := readFrame(in)
		if name == nil {
			break
		}
		stream.Write(readFrame(in))
		value := reflect.New(byName[string(name)].read)
		answer := map[string]any{}
		if err := decoder.Decode(value.Interface()); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["value"] = describe(value.Elem())
		}
		description, err := json.Marshal(answer)
		check(err)
		writeFrame(out, description)
	}
	check(out.Flush())
}

func main() {
	switch os.Args[1] {
	case "emit":
		seed, err := strconv.ParseInt(os.Args[2], 10, 64)
		check(err)
		count, err := strconv.Atoi(os.Args[3])
		check(err)
		reset, err := strconv.Atoi(os.Args[4])
		check(err)
		emit(seed, count, reset)
	case "read":
		read()
	}
}
