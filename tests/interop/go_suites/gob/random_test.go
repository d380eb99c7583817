package gob

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"testing"
	"testing/quick"
)

// TestRandomTypes sends values of types by chance through the other gob.
func TestRandomTypes(t *testing.T) {
	seed, _ := strconv.ParseInt(os.Getenv("OTHER_SEED"), 10, 64)
	count, _ := strconv.Atoi(os.Getenv("OTHER_COUNT"))
	random := rand.New(rand.NewSource(seed))
	sent := 0
	for i := 0; i < count; i++ {
		typ := randomType(random, 0)
		value, ok := quick.Value(typ, random)
		if !ok {
			t.Fatalf("seed %d: no value of %s", seed, typ)
		}
		if isNilBehind(value) {
			continue // which has a test of its own
		}
		var stream bytes.Buffer
		if err := NewEncoder(&stream).EncodeValue(value); err != nil {
			continue // a nil pointer in a slice, or a struct without fields
		}
		NewDecoder(&stream).Decode(nil)
		sent++
	}
	if sent < count/4 {
		t.Errorf("seed %d: only %d of %d values were sent", seed, sent, count)
	}
}

// TestNilBehindPointer sends what gob writes as a type and nothing else.
func TestNilBehindPointer(t *testing.T) {
	type Point struct{ X, Y int }
	var point *Point
	var list *[]int
	var number *int
	for _, value := range []any{&point, &list, &number} {
		var stream bytes.Buffer
		if err := NewEncoder(&stream).Encode(value); err != nil {
			t.Error(err)
		}
		NewDecoder(&stream).Decode(nil)
	}
}

// isNilBehind says whether a chain of pointers ends in nil.
func isNilBehind(value reflect.Value) bool {
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return true
		}
		value = value.Elem()
	}
	return false
}

// hasPointers says whether two equal values of a type may differ as keys of a map.
func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer:
		return true
	case reflect.Array:
		return hasPointers(t.Elem())
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

var basics = []any{
	false, 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0),
	uint64(0), uintptr(0), float32(0), 0.0, complex64(0), complex128(0), "", []byte{},
}

func randomType(random *rand.Rand, depth int) reflect.Type {
	kind := random.Intn(10)
	if depth > 3 {
		kind = 9
	}
	part := func() reflect.Type { return randomType(random, depth+1) }
	switch kind {
	case 0, 1, 2:
		fields := make([]reflect.StructField, 1+random.Intn(5))
		for i := range fields {
			fields[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: part()}
		}
		return reflect.StructOf(fields)
	case 3:
		return reflect.SliceOf(part())
	case 4:
		return reflect.ArrayOf(random.Intn(4), part())
	case 5:
		key := part()
		for !key.Comparable() || hasPointers(key) {
			key = randomType(random, 9)
		}
		return reflect.MapOf(key, part())
	case 6:
		return reflect.PointerTo(part())
	default:
		return reflect.TypeOf(basics[random.Intn(len(basics))])
	}
}
