package main

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"
)

const magicNumber = 0x3bef5c

type Option struct {
	MagicNumber    int
	CodecType      string
	ConnectTimeout time.Duration
	HandleTimeout  time.Duration
}

type Header struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}

// geeCodec is an encoder and a decoder on the bare connection: what was read beyond the option is
// not theirs any more.
type geeCodec struct {
	encode func(any) error
	decode func(any) error
	buffer *bufio.Writer
	mutex  sync.Mutex
}

func newGeeCodec(kind string, conn io.ReadWriter) (*geeCodec, error) {
	buffer := bufio.NewWriter(conn)
	switch kind {
	case "application/gob":
		return &geeCodec{
			encode: gob.NewEncoder(buffer).Encode, decode: gob.NewDecoder(conn).Decode, buffer: buffer,
		}, nil
	case "application/json":
		return &geeCodec{
			encode: json.NewEncoder(buffer).Encode, decode: json.NewDecoder(conn).Decode, buffer: buffer,
		}, nil
	}
	return nil, fmt.Errorf("rpc server: invalid codec type %s", kind)
}

func (c *geeCodec) write(header *Header, body any) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.encode(header); err != nil {
		return err
	}
	if err := c.encode(body); err != nil {
		return err
	}
	return c.buffer.Flush()
}

type geeMethod struct {
	receiver reflect.Value
	method   reflect.Method
}

type geeServer struct {
	services map[string]map[string]geeMethod
	// Whether it is as GeeRPC was published: it names the JSON codec and does not have it.
	hasOnlyGob bool
}

func newGeeServer(name string) *geeServer {
	server := &geeServer{services: map[string]map[string]geeMethod{}}
	for name, receiver := range map[string]any{
		"Arith": Arith{}, "Types": Types{}, "Node": Node{name},
	} {
		methods := map[string]geeMethod{}
		value := reflect.ValueOf(receiver)
		for i := 0; i < value.NumMethod(); i++ {
			method := value.Type().Method(i)
			methods[method.Name] = geeMethod{value, method}
		}
		server.services[name] = methods
	}
	return server
}

func (s *geeServer) find(serviceMethod string) (geeMethod, error) {
	dot := strings.LastIndex(serviceMethod, ".")
	if dot < 0 {
		return geeMethod{}, errors.New("rpc server: service/method request ill-formed: " + serviceMethod)
	}
	service, ok := s.services[serviceMethod[:dot]]
	if !ok {
		return geeMethod{}, errors.New("rpc server: can't find service " + serviceMethod[:dot])
	}
	method, ok := service[serviceMethod[dot+1:]]
	if !ok {
		return geeMethod{}, errors.New("rpc server: can't find method " + serviceMethod[dot+1:])
	}
	return method, nil
}

func (s *geeServer) serveHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != "CONNECT" {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	check(err)
	io.WriteString(conn, "HTTP/1.0 200 Connected to Gee RPC\n\n")
	s.serveConn(conn)
}

// serveDebug lists the services, as GeeRPC's page at /debug/geerpc does.
func (s *geeServer) serveDebug(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "<html>\n<body>\n<title>GeeRPC Services</title>\n")
	for name, methods := range s.services {
		fmt.Fprintf(w, "<hr>\nService %s\n<hr>\n<table>\n<th align=center>Method</th><th align=center>Calls</th>\n", name)
		for method, found := range methods {
			fmt.Fprintf(w, "<tr>\n<td align=left font=fixed>%s(%s, %s) error</td>\n<td align=center>%d</td>\n</tr>\n",
				method, found.method.Type.In(1), found.method.Type.In(2), 0)
		}
		fmt.Fprint(w, "</table>\n")
	}
	fmt.Fprint(w, "</body>\n</html>")
}

// serveConn has the habits that clients must know: the option's decoder reads ahead and is thrown
// away, and an unknown method is answered without its body being read.
func (s *geeServer) serveConn(conn net.Conn) {
	defer conn.Close()
	var option Option
	if err := json.NewDecoder(conn).Decode(&option); err != nil || option.MagicNumber != magicNumber {
		return
	}
	codec, err := newGeeCodec(option.CodecType, conn)
	if err != nil || s.hasOnlyGob && option.CodecType != "application/gob" {
		return
	}
	var running sync.WaitGroup
	for {
		var header Header
		if err := codec.decode(&header); err != nil {
			if err == io.EOF {
				running.Wait() // as GeeRPC does, it answers what it has read before it closes
			}
			return
		}
		method, err := s.find(header.ServiceMethod)
		if err != nil {
			header.Error = err.Error()
			codec.write(&header, struct{}{})
			continue
		}
		args := reflect.New(method.method.Type.In(1))
		if err := codec.decode(args.Interface()); err != nil {
			header.Error = err.Error()
			codec.write(&header, struct{}{})
			continue
		}
		running.Add(1)
		go func() {
			defer running.Done()
			s.handle(codec, header, method, args, option.HandleTimeout)
		}()
	}
}

func (s *geeServer) handle(
	codec *geeCodec, header Header, method geeMethod, args reflect.Value, timeout time.Duration,
) {
	reply := reflect.New(method.method.Type.In(2).Elem())
	done := make(chan error, 1)
	go func() {
		result := method.method.Func.Call([]reflect.Value{method.receiver, args.Elem(), reply})
		err, _ := result[0].Interface().(error)
		done <- err
	}()
	var late <-chan time.Time
	if timeout > 0 {
		late = time.After(timeout)
	}
	var err error
	select {
	case err = <-done:
	case <-late:
		err = fmt.Errorf("rpc server: request handle timeout: expect within %s", timeout)
	}
	if err != nil {
		header.Error = err.Error()
		codec.write(&header, struct{}{})
		return
	}
	codec.write(&header, reply.Interface())
}

// geeClient writes the option, and then each request, in writes of their own.
type geeClient struct {
	conn    net.Conn
	codec   *geeCodec
	mutex   sync.Mutex
	seq     uint64
	pending map[uint64]*geeCall
}

type geeCall struct {
	reply any
	done  chan error
}

func dialGee(conn net.Conn, kind string) (*geeClient, error) {
	option := Option{MagicNumber: magicNumber, CodecType: kind}
	if err := json.NewEncoder(conn).Encode(option); err != nil {
		return nil, err
	}
	codec, err := newGeeCodec(kind, conn)
	if err != nil {
		return nil, err
	}
	client := &geeClient{conn: conn, codec: codec, pending: map[uint64]*geeCall{}}
	go client.read()
	return client, nil
}

func (c *geeClient) read() {
	var err error
	for err == nil {
		var header Header
		if err = c.codec.decode(&header); err != nil {
			break
		}
		c.mutex.Lock()
		call := c.pending[header.Seq]
		delete(c.pending, header.Seq)
		c.mutex.Unlock()
		switch {
		case call == nil:
			var body any = &struct{}{}
			err = c.codec.decode(body)
		case header.Error != "":
			err = c.codec.decode(&struct{}{})
			call.done <- errors.New(header.Error)
		default:
			err = c.codec.decode(call.reply)
			call.done <- err
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, call := range c.pending {
		call.done <- err
	}
}

func (c *geeClient) start(serviceMethod string, args, reply any) *geeCall {
	c.mutex.Lock()
	c.seq++
	header := Header{ServiceMethod: serviceMethod, Seq: c.seq}
	call := &geeCall{reply: reply, done: make(chan error, 1)}
	c.pending[c.seq] = call
	c.mutex.Unlock()
	if err := c.codec.write(&header, args); err != nil {
		call.done <- err
	}
	return call
}

func (c *geeClient) Call(serviceMethod string, args, reply any) error {
	return <-c.start(serviceMethod, args, reply).done
}

func (c *geeClient) Close() error { return c.conn.Close() }
