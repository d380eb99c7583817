package main

import (
	"bufio"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"reflect"
	"sync"
	"time"
)

type caller interface {
	Call(serviceMethod string, args, reply any) error
	Close() error
}

// dial connects to a server of ours; the kind is a network and a protocol: tcp/gob, http/gob, …
func dial(kind, address string) (caller, error) {
	switch kind {
	case "tcp/gob":
		return rpc.Dial("tcp", address)
	case "unix/gob":
		return rpc.Dial("unix", address)
	case "http/gob":
		return rpc.DialHTTP("tcp", address)
	case "tcp/json":
		return jsonrpc.Dial("tcp", address)
	case "tcp/gee-gob", "tcp/gee-json", "http/gee-gob":
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		if kind == "http/gee-gob" {
			fmt.Fprint(conn, "CONNECT /_geeprc_ HTTP/1.0\n\n")
			response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "CONNECT"})
			if err != nil || response.Status != "200 Connected to Gee RPC" {
				return nil, fmt.Errorf("unexpected answer: %v %v", response, err)
			}
		}
		codec := "application/gob"
		if kind == "tcp/gee-json" {
			codec = "application/json"
		}
		return dialGee(conn, codec)
	}
	return nil, fmt.Errorf("unknown kind %s", kind)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// drain makes a call during which the server begins to drain, and one behind it.
func drain(kind, address string) map[string]any {
	client, err := dial(kind, address)
	check(err)
	defer client.Close()
	var before, during int
	check(client.Call("Arith.Sum", Args{1, 2}, &before))
	err = client.Call("Server.Close", Args{}, &during)
	var after int
	behind := client.Call("Arith.Sum", Args{3, 4}, &after)
	return map[string]any{
		"before": before, "during": during, "error": text(err), "after": after, "refused": text(behind),
	}
}

// call tries everything on one connection, and tells what came of it.
func call(kind, address string) map[string]any {
	results := map[string]any{}
	client, err := dial(kind, address)
	check(err)
	defer client.Close()

	// Many at once, answered in any order.
	const many = 200
	right := 0
	var mutex sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < many; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			var sum int
			if err := client.Call("Arith.Sum", Args{i, 1}, &sum); err == nil && sum == i+1 {
				mutex.Lock()
				right++
				mutex.Unlock()
			}
		}(i)
	}
	group.Wait()
	results["right"] = right

	// A float that is a whole number has to arrive as a float.
	var quotient float64
	results["divideError"] = text(client.Call("Arith.Divide", Args{8, 2}, &quotient))
	results["quotient"] = quotient
	results["byZero"] = text(client.Call("Arith.Divide", Args{8, 0}, &quotient))
	results["noMethod"] = text(client.Call("Arith.None", Args{1, 2}, &quotient))
	results["noService"] = text(client.Call("None.Sum", Args{1, 2}, &quotient))
	results["void"] = text(client.Call("Arith.Void", Args{1, 2}, &struct{}{}))

	if kind != "tcp/json" && kind != "tcp/gee-json" {
		results["misfit"] = text(client.Call("Arith.Sum", "no struct", &quotient))
		sent := everything()
		var got All
		results["echoError"] = text(client.Call("Types.Echo", sent, &got))
		results["echoed"] = reflect.DeepEqual(sent, got)
	}
	var sum int
	results["lastError"] = text(client.Call("Arith.Sum", Args{40, 2}, &sum))
	results["last"] = sum
	return results
}

func everything() All {
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	return All{
		Bool: true, I: -7, I8: -128, I64: -1 << 63, U: 7, U8: 255, U64: 1<<64 - 1,
		F32: 1.5, F64: 4, C: complex(1, -2), S: "text ☃", Bytes: []byte{0, 255}, Ints: []int{1, 0, -1},
		Array: [3]uint16{1, 0, 65535}, Map: map[string]float64{"one": 1}, ByInt: map[int]Inner{-1: {"x", 2}},
		Inner: Inner{"inner", 3}, Pointer: &Inner{"pointed at", 0}, List: []Inner{{"a", 1}, {}},
		At: time.Date(2024, 2, 29, 12, 30, 0, 125e6, time.UTC), Big: huge,
	}
}

// connectLikeGo counts the first calls that are answered on connections that are made as Go's
// GeeRPC client makes them: the option in one write, the request in others. What has no answer
// after a while was lost.
func connectLikeGo(address string, count int) map[string]int {
	const atOnce = 16
	const patience = 200 * time.Millisecond
	answered := 0
	var mutex sync.Mutex
	var group sync.WaitGroup
	tickets := make(chan struct{}, count)
	for i := 0; i < count; i++ {
		tickets <- struct{}{}
	}
	close(tickets)
	for i := 0; i < atOnce; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for range tickets {
				conn, err := net.Dial("tcp", address)
				check(err)
				client, err := dialGee(conn, "application/gob")
				check(err)
				var sum int
				call := client.start("Arith.Sum", Args{1, 2}, &sum)
				select {
				case err := <-call.done:
					if err == nil && sum == 3 {
						mutex.Lock()
						answered++
						mutex.Unlock()
					}
				case <-time.After(patience):
				}
				client.Close()
			}
		}()
	}
	group.Wait()
	return map[string]int{"made": count, "answered": answered}
}
