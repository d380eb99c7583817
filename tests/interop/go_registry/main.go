// Go peers of the registry's interop tests, written from the protocol alone.
//
//	peer registry                 a registry with GeeRPC's headers
//	peer server <registry> <ms>   a GeeRPC server that registers and beats
//	peer list <registry>          what a GeeRPC client reads
//
// The first two say where they listen and what happens, one line each, and end
// when their standard input does.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	path          = "/_geerpc_/registry"
	serverHeader  = "X-Geerpc-Server"
	serversHeader = "X-Geerpc-Servers"
	lease         = 5 * time.Minute
)

func main() {
	switch os.Args[1] {
	case "registry":
		serveRegistry()
	case "server":
		serveRPC(os.Args[2], os.Args[3])
	case "list":
		list(os.Args[2])
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// registry holds when each server was heard last.
type registry struct {
	mu    sync.Mutex
	heard map[string]time.Time
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch request.Method {
	case http.MethodGet:
		var alive []string
		for server, at := range r.heard {
			if time.Since(at) < lease {
				alive = append(alive, server)
			} else {
				delete(r.heard, server)
			}
		}
		sort.Strings(alive)
		w.Header().Set(serversHeader, strings.Join(alive, ","))
	case http.MethodPost:
		server := request.Header.Get(serverHeader)
		if server == "" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.heard[server] = time.Now()
		fmt.Println("registered", server)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		fmt.Println("refused", request.Method)
	}
}

func serveRegistry() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	http.Handle(path, &registry{heard: map[string]time.Time{}})
	fmt.Printf("listening http://%s\n", listener.Addr())
	go http.Serve(listener, nil)
	io.Copy(io.Discard, os.Stdin)
}

func post(url, server string) error {
	request, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set(serverHeader, server)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return nil
}

func serveRPC(url, every string) {
	ms, err := strconv.Atoi(every)
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go accept(listener)
	server := "tcp@" + listener.Addr().String()
	check(post(url+path, server))
	fmt.Println("registered", server)
	go func() {
		for range time.Tick(time.Duration(ms) * time.Millisecond) {
			if err := post(url+path, server); err != nil {
				fmt.Println("failed", err)
			}
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func list(url string) {
	response, err := http.Get(url + path)
	check(err)
	response.Body.Close()
	fmt.Println(response.StatusCode, response.Header.Get(serversHeader))
}
