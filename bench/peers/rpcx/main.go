// rpcx, to compare with: a framework for fleets in Go, with MessagePack in frames of its own.
//
//	rpcx serve          serves Arith; prints its address. It ends when its standard input does.
//	rpcx call ADDRESS   calls it as package load says.
package main

import (
	"context"
	"net"
	"os"

	"bench/load"
	"github.com/smallnest/rpcx/client"
	"github.com/smallnest/rpcx/server"
)

type Args struct{ A, B int }

type Arith struct{}

func (Arith) Sum(_ context.Context, args *Args, reply *int) error {
	*reply = args.A + args.B
	return nil
}

func (Arith) Echo(_ context.Context, text *string, reply *string) error {
	*reply = *text
	return nil
}

func (Arith) EchoBytes(_ context.Context, bytes *[]byte, reply *[]byte) error {
	*reply = *bytes
	return nil
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "call" {
		call(os.Args[2])
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	load.Check(err)
	arith := server.NewServer()
	load.Check(arith.RegisterName("Arith", new(Arith), ""))
	go arith.ServeListener("tcp", listener)
	load.Serve(listener.Addr().String())
}

func call(address string) {
	discovery, err := client.NewPeer2PeerDiscovery("tcp@"+address, "")
	load.Check(err)
	arith := client.NewXClient("Arith", client.Failtry, client.RandomSelect, discovery, client.DefaultOption)
	load.Answer(load.Make(func(a, b int) (sum int, err error) {
		err = arith.Call(context.Background(), "Sum", &Args{a, b}, &sum)
		return
	}, func(text string) (echo string, err error) {
		err = arith.Call(context.Background(), "Echo", &text, &echo)
		return
	}, func(bytes []byte) (echo []byte, err error) {
		err = arith.Call(context.Background(), "EchoBytes", &bytes, &echo)
		return
	}))
}
