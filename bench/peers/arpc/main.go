// arpc, to compare with: a fast RPC library in Go, with frames of its own and JSON, its default.
//
//	arpc serve          serves Arith; prints its address. It ends when its standard input does.
//	arpc call ADDRESS   calls it as package load says.
package main

import (
	"net"
	"os"
	"time"

	"bench/load"
	"github.com/lesismal/arpc"
	"github.com/lesismal/arpc/log"
)

type Args struct{ A, B int }

const timeout = 10 * time.Second

func main() {
	log.SetLevel(log.LevelNone)
	if len(os.Args) == 3 && os.Args[1] == "call" {
		call(os.Args[2])
		return
	}
	server := arpc.NewServer()
	server.Handler.Handle("/sum", func(ctx *arpc.Context) {
		var args Args
		load.Check(ctx.Bind(&args))
		ctx.Write(args.A + args.B)
	})
	server.Handler.Handle("/echo", func(ctx *arpc.Context) {
		var text string
		load.Check(ctx.Bind(&text))
		ctx.Write(text)
	})
	server.Handler.Handle("/echoBytes", func(ctx *arpc.Context) {
		var bytes []byte
		load.Check(ctx.Bind(&bytes))
		ctx.Write(bytes)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	load.Check(err)
	go server.Serve(listener)
	load.Serve(listener.Addr().String())
}

func call(address string) {
	client, err := arpc.NewClient(func() (net.Conn, error) {
		return net.DialTimeout("tcp", address, timeout)
	})
	load.Check(err)
	load.Answer(load.Make(func(a, b int) (sum int, err error) {
		err = client.Call("/sum", &Args{a, b}, &sum, timeout)
		return
	}, func(text string) (echo string, err error) {
		err = client.Call("/echo", &text, &echo, timeout)
		return
	}, func(bytes []byte) (echo []byte, err error) {
		err = client.Call("/echoBytes", &bytes, &echo, timeout)
		return
	}))
}
