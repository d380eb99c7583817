// Go's own net/rpc, to compare with.
//
//	peer serve                      serves Arith in gob and in JSON; prints the two addresses.
//	                                It ends when its standard input does.
//	peer call gob|json ADDRESS      calls Arith.Sum: reads lines "IN_FLIGHT MILLISECONDS", and
//	                                answers each with the calls per second.
//	peer load gob|json ADDRESS      calls Arith.Sum and Arith.Echo as package load says.
package main

import (
	"bench/load"
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type Args struct{ A, B int }

type Arith struct{}

func (Arith) Sum(args Args, reply *int) error {
	*reply = args.A + args.B
	return nil
}

func (Arith) Echo(text string, reply *string) error {
	*reply = text
	return nil
}

func (Arith) EchoBytes(bytes []byte, reply *[]byte) error {
	*reply = bytes
	return nil
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "load" {
		client := connect(os.Args[2], os.Args[3])
		load.Answer(load.Make(func(a, b int) (sum int, err error) {
			err = client.Call("Arith.Sum", Args{a, b}, &sum)
			return
		}, func(text string) (echo string, err error) {
			err = client.Call("Arith.Echo", text, &echo)
			return
		}, func(bytes []byte) (echo []byte, err error) {
			err = client.Call("Arith.EchoBytes", bytes, &echo)
			return
		}))
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "call" {
		call(os.Args[2], os.Args[3])
		return
	}
	check(rpc.Register(Arith{}))
	inGob := listen(func(conn net.Conn) { rpc.ServeConn(conn) })
	inJSON := listen(func(conn net.Conn) { jsonrpc.ServeConn(conn) })
	fmt.Println("tcp@"+inGob, "tcp@"+inJSON)
	io.Copy(io.Discard, os.Stdin)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func listen(serve func(net.Conn)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		for {
			conn, err := listener.Accept()
			check(err)
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}

func connect(kind, address string) *rpc.Client {
	dial := rpc.Dial
	if kind == "json" {
		dial = jsonrpc.Dial
	}
	client, err := dial("tcp", strings.TrimPrefix(address, "tcp@"))
	check(err)
	return client
}

func call(kind, address string) {
	client := connect(kind, address)
	fmt.Println("connected")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var inFlight, ms int
		_, err := fmt.Sscan(lines.Text(), &inFlight, &ms)
		check(err)
		fmt.Println(callsPerSecond(client, inFlight, time.Duration(ms)*time.Millisecond))
	}
}

func callsPerSecond(client *rpc.Client, inFlight int, length time.Duration) float64 {
	var replies atomic.Int64
	var running atomic.Bool
	running.Store(true)
	var callers sync.WaitGroup
	from := time.Now()
	for i := 0; i < inFlight; i++ {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for running.Load() {
				var sum int
				check(client.Call("Arith.Sum", Args{1, 2}, &sum))
				if sum != 3 {
					log.Fatalf("expected the reply 3, got %d", sum)
				}
				replies.Add(1)
			}
		}()
	}
	time.Sleep(length)
	rate := float64(replies.Load()) / time.Since(from).Seconds()
	running.Store(false)
	callers.Wait()
	return rate
}
