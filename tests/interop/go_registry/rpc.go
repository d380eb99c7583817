package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
)

type header struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}

type args struct{ A, B int }

func accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

// serve speaks geerpc/json with one client: the option, then headers and bodies.
func serve(conn net.Conn) {
	defer conn.Close()
	option := make([]byte, 512)
	if _, err := io.ReadFull(conn, option); err != nil {
		return
	}
	decoder, encoder := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var head header
		var body args
		if decoder.Decode(&head) != nil || decoder.Decode(&body) != nil {
			return
		}
		if head.ServiceMethod != "Arith.Sum" {
			head.Error = fmt.Sprintf("rpc server: can't find service %s", head.ServiceMethod)
		}
		if encoder.Encode(head) != nil || encoder.Encode(body.A+body.B) != nil {
			return
		}
	}
}
