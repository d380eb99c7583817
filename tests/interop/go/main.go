// The Go side of the interop tests: real net/rpc and jsonrpc servers and clients, and a GeeRPC peer.
//
//	peer serve                   starts every server, prints their addresses as one line of JSON,
//	                             and runs until its standard input ends.
//	peer call KIND ADDRESS       calls a server of ours and prints what came of it, as JSON.
//	peer introspect KIND ADDRESS asks a server of ours about itself.
//	peer connect ADDRESS COUNT   makes COUNT connections to a GeeRPC server as Go's client does,
//	                             and prints how many first calls were answered.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: peer serve | call KIND ADDRESS | drain KIND ADDRESS | introspect KIND ADDRESS | connect ADDRESS COUNT")
	}
	switch os.Args[1] {
	case "serve":
		serve()
	case "call":
		show(call(os.Args[2], os.Args[3]))
	case "drain":
		show(drain(os.Args[2], os.Args[3]))
	case "introspect":
		show(introspect(os.Args[2], os.Args[3]))
	case "connect":
		count, err := strconv.Atoi(os.Args[3])
		check(err)
		show(connectLikeGo(os.Args[2], count))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func show(value any) {
	text, err := json.Marshal(value)
	check(err)
	fmt.Println(string(text))
}

func listen(network, address string, serve func(net.Conn)) string {
	listener, err := net.Listen(network, address)
	check(err)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}

func newServer(name string) *rpc.Server {
	server := rpc.NewServer()
	check(server.Register(Arith{}))
	check(server.Register(Types{}))
	check(server.RegisterName("Node", Node{name}))
	return server
}

func serve() {
	folder, err := os.MkdirTemp("", "peer")
	check(err)
	defer os.RemoveAll(folder)
	const anyPort = "127.0.0.1:0"

	gob := newServer("gob")
	jsonServer := newServer("json")
	gee := newGeeServer("gee")
	geeGob := newGeeServer("gee")
	geeGob.hasOnlyGob = true
	mux := http.NewServeMux()
	mux.Handle(rpc.DefaultRPCPath, gob)
	mux.Handle("/orders", gob)
	gob.HandleHTTP("/rpc", rpc.DefaultDebugPath)
	mux.Handle(rpc.DefaultDebugPath, http.DefaultServeMux)
	mux.HandleFunc("/_geeprc_", gee.serveHTTP)
	mux.HandleFunc("/debug/geerpc", gee.serveDebug)
	mux.HandleFunc("/_goRPC_json_", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		check(err)
		io.WriteString(conn, "HTTP/1.0 200 Connected to Go RPC\n\n")
		jsonServer.ServeCodec(jsonrpc.NewServerCodec(conn))
	})
	web, err := net.Listen("tcp", anyPort)
	check(err)
	go http.Serve(web, mux)
	webSocket, err := net.Listen("unix", filepath.Join(folder, "web.sock"))
	check(err)
	go http.Serve(webSocket, mux)

	serveGob := func(conn net.Conn) { gob.ServeConn(conn) }
	show(map[string]string{
		"gob":      "tcp@" + listen("tcp", anyPort, serveGob),
		"unix":     "unix@" + listen("unix", filepath.Join(folder, "gob.sock"), serveGob),
		"http":     "http@" + web.Addr().String(),
		"unixHttp": "unix@" + webSocket.Addr().String(),
		"json": "tcp@" + listen("tcp", anyPort, func(conn net.Conn) {
			jsonServer.ServeCodec(jsonrpc.NewServerCodec(conn))
		}),
		"geeGob": "tcp@" + listen("tcp", anyPort, func(conn net.Conn) { geeGob.serveConn(conn) }),
		"gee":    "tcp@" + listen("tcp", anyPort, func(conn net.Conn) { gee.serveConn(conn) }),
	})
	io.Copy(io.Discard, os.Stdin)
}
