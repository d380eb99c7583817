package main

import (
	"errors"
	"math/big"
	"time"
)

type Args struct{ A, B int }

type Arith struct{}

func (Arith) Sum(args Args, reply *int) error {
	*reply = args.A + args.B
	return nil
}

func (Arith) Divide(args Args, reply *float64) error {
	if args.B == 0 {
		return errors.New("divide by zero")
	}
	*reply = float64(args.A) / float64(args.B)
	return nil
}

// Slow answers after so many milliseconds.
func (Arith) Slow(ms int, reply *int) error {
	time.Sleep(time.Duration(ms) * time.Millisecond)
	*reply = ms
	return nil
}

// Node tells which server it is.
type Node struct{ name string }

func (n Node) Name(_ struct{}, reply *string) error {
	*reply = n.name
	return nil
}

type Inner struct {
	Name string
	N    int
}

// All has a field of most kinds that gob knows.
type All struct {
	Bool    bool
	I       int
	I8      int8
	I64     int64
	U       uint
	U8      uint8
	U64     uint64
	F32     float32
	F64     float64
	C       complex128
	S       string
	Bytes   []byte
	Ints    []int
	Array   [3]uint16
	Map     map[string]float64
	ByInt   map[int]Inner
	Inner   Inner
	Pointer *Inner
	List    []Inner
	At      time.Time
	Big     *big.Int
}

type Types struct{}

func (Types) Echo(args All, reply *All) error {
	*reply = args
	return nil
}
