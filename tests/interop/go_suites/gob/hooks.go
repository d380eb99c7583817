package gob

// These hooks are compiled into a copy of encoding/gob, whose EncodeValue and DecodeValue are
// renamed to goEncodeValue and goDecodeValue. What the package's own tests encode and decode goes
// through the other gob, a process that answers on a socket, beside Go's.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
)

// The largest value that is tried, in bytes.
const largestTried = 1 << 20

type question struct {
	Kind   string         `json:"kind"`
	Test   string         `json:"test"`
	Type   string         `json:"type,omitempty"`
	Schema any            `json:"schema,omitempty"`
	Types  map[string]any `json:"types,omitempty"`
	Bytes  []byte         `json:"bytes"`
	Stream int            `json:"stream,omitempty"`
	Fault  string         `json:"fault,omitempty"`
}

type answer struct {
	Bytes []byte `json:"bytes"`
	Error string `json:"error"`
}

var other struct {
	sync.Mutex
	lines  *bufio.Reader
	writer net.Conn
	stream int
}

// ask sends one question and waits for its answer.
func ask(q question) answer {
	other.Lock()
	defer other.Unlock()
	if other.writer == nil {
		conn, err := net.Dial("tcp", os.Getenv("OTHER_GOB"))
		if err != nil {
			panic(err)
		}
		other.writer, other.lines = conn, bufio.NewReader(conn)
	}
	text, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	if _, err := other.writer.Write(append(text, '\n')); err != nil {
		panic(err)
	}
	line, err := other.lines.ReadBytes('\n')
	if err != nil {
		panic(err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		panic(err)
	}
	return a
}

// testName finds the test that runs, by its function.
func testName() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		name := frame.Function[strings.LastIndex(frame.Function, "/")+1:]
		for _, part := range strings.Split(name, ".") {
			for _, kind := range []string{"Test", "Example", "Benchmark", "Fuzz"} {
				if strings.HasPrefix(part, kind) {
					return part
				}
			}
		}
		if !more {
			return "?"
		}
	}
}

func (enc *Encoder) EncodeValue(value reflect.Value) error {
	err := enc.goEncodeValue(value)
	if err == nil {
		CheckValue(value)
	}
	return err
}

// CheckValue sends a value through the other gob and back: there as the schema of its type says,
// and what Go then decodes must be what it decodes from its own bytes.
func CheckValue(value reflect.Value) {
	if value.Kind() == reflect.Interface {
		return
	}
	var own bytes.Buffer
	if NewEncoder(&own).goEncodeValue(value) != nil || own.Len() > largestTried {
		return
	}
	want, err := decoded(own.Bytes(), value.Type())
	if err != nil {
		return // a type that Go itself does not read
	}
	d := describer{types: map[string]any{}}
	q := question{Kind: "value", Test: testName(), Type: value.Type().String(), Bytes: own.Bytes()}
	q.Schema = d.describe(value.Type(), false)
	q.Types = d.types
	a := ask(q)
	if a.Error != "" {
		return // which the other side has counted
	}
	got, err := decoded(a.Bytes, value.Type())
	fault := ""
	if err != nil {
		fault = err.Error()
	} else if !same(want, got) {
		fault = fmt.Sprintf("%.200v instead of %.200v", show(got), show(want))
	}
	ask(question{Kind: "verdict", Test: q.Test, Type: q.Type, Bytes: own.Bytes(), Fault: fault})
}

func decoded(data []byte, t reflect.Type) (value reflect.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	value = reflect.New(t)
	err = newPlainDecoder(bytes.NewReader(data)).goDecodeValue(value)
	return value, err
}

func newPlainDecoder(r io.Reader) *Decoder {
	dec := NewDecoder(r)
	dec.r = dec.r.(*recorder).ByteReader
	return dec
}

func show(v reflect.Value) string {
	text, err := json.Marshal(v.Interface())
	if err != nil || string(text) == "{}" {
		return fmt.Sprintf("%+v", v.Elem().Interface())
	}
	return string(text)
}

func same(a, b reflect.Value) bool {
	// NaN is not itself.
	return reflect.DeepEqual(a.Interface(), b.Interface()) ||
		strings.Contains(fmt.Sprint(a.Elem().Interface()), "NaN") && show(a) == show(b)
}

// describer tells a type's shape, as gob sends it. Structs are told once, by name.
type describer struct {
	types map[string]any
}

func (d describer) describe(t reflect.Type, isPart bool) any {
	ut, err := validUserType(t)
	if err != nil {
		panic(err)
	}
	target := d.target(ut)
	// Behind a pointer may be nothing, but only in a field.
	if isPart && t.Kind() == reflect.Pointer {
		return map[string]any{"kind": "optional", "element": target}
	}
	return target
}

func (d describer) target(ut *userTypeInfo) any {
	t := ut.base
	shape := func(kind string) map[string]any { return map[string]any{"kind": kind} }
	switch ut.externalEnc {
	case xGob:
		return map[string]any{"kind": "gobEncoder", "name": t.Name()}
	case xBinary:
		return map[string]any{"kind": "binaryMarshaler", "name": t.Name()}
	case xText:
		return map[string]any{"kind": "textMarshaler", "name": t.Name()}
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String:
		return shape(t.Kind().String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"kind": "int", "bits": t.Bits()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return map[string]any{"kind": "uint", "bits": t.Bits()}
	case reflect.Float32:
		return shape("float32")
	case reflect.Float64:
		return shape("float")
	case reflect.Complex64, reflect.Complex128:
		return shape("complex")
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return shape("bytes")
		}
	case reflect.Interface:
		return d.named("any", func() any {
			registry := map[string]any{}
			nameToConcreteType.Range(func(name, concrete any) bool {
				if t := concrete.(reflect.Type); t.PkgPath() != "" || t.Kind() != reflect.Slice && t.Name() == "" {
					registry[name.(string)] = d.describe(t, false)
				}
				return true
			})
			return map[string]any{"kind": "interface", "registry": registry}
		})
	}
	// What may contain itself.
	return d.named(fmt.Sprintf("%s %p", t, reflect.Zero(reflect.PointerTo(t)).Interface()) + t.PkgPath(), func() any {
		switch t.Kind() {
		case reflect.Slice:
			return map[string]any{"kind": "slice", "element": d.describe(t.Elem(), false)}
		case reflect.Array:
			return map[string]any{"kind": "array", "length": t.Len(), "element": d.describe(t.Elem(), false)}
		case reflect.Map:
			return map[string]any{
				"kind": "map", "key": d.describe(t.Key(), false), "element": d.describe(t.Elem(), false),
			}
		case reflect.Struct:
			fields := [][]any{}
			for i := 0; i < t.NumField(); i++ {
				if f := t.Field(i); f.IsExported() && isSentType(f.Type) {
					fields = append(fields, []any{f.Name, d.describe(f.Type, true)})
				}
			}
			return map[string]any{"kind": "struct", "name": t.Name(), "fields": fields}
		}
		panic("no gob: " + t.String())
	})
}

func (d describer) named(name string, describe func() any) any {
	if _, ok := d.types[name]; !ok {
		d.types[name] = nil // for those that come back to it
		d.types[name] = describe()
	}
	return map[string]any{"kind": "named", "name": name}
}

func isSentType(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() != reflect.Chan && t.Kind() != reflect.Func
}

// A recorder keeps what a decoder has read.
type recorder struct {
	ByteReader interface {
		io.Reader
		io.ByteReader
	}
	bytes  []byte
	stream int
	values int
	isOff  bool
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ByteReader.Read(p)
	if !r.isOff {
		r.bytes = append(r.bytes, p[:n]...)
	}
	return n, err
}

func (r *recorder) ReadByte() (byte, error) {
	b, err := r.ByteReader.ReadByte()
	if err == nil && !r.isOff {
		r.bytes = append(r.bytes, b)
	}
	return b, err
}

func recorded(r io.Reader) *recorder {
	reader := r.(interface {
		io.Reader
		io.ByteReader
	})
	return &recorder{ByteReader: reader}
}

func (dec *Decoder) DecodeValue(v reflect.Value) error {
	err := dec.goDecodeValue(v)
	r, ok := dec.r.(*recorder)
	if !ok || r.isOff || len(r.bytes) == 0 {
		return err
	}
	if len(r.bytes) > largestTried {
		r.isOff = true
		return err
	}
	if r.stream == 0 {
		other.Lock()
		other.stream++
		r.stream = other.stream
		other.Unlock()
	}
	q := question{Kind: "stream", Test: testName(), Stream: r.stream, Bytes: r.bytes}
	if err != nil {
		q.Kind, q.Fault = "broken stream", err.Error()
		r.isOff = true
	}
	ask(q)
	r.bytes = nil
	return err
}
