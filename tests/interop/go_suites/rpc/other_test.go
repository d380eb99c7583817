package rpc

// The clients of the copied tests call the server at these addresses. Go's own runs too: some of
// the tests look into it.

import (
	"io"
	"net"
	"os"
)

func startServer() {
	goStartServer()
	serverAddr = os.Getenv("OTHER_TCP")
	httpServerAddr = os.Getenv("OTHER_HTTP")
}

func startNewServer() {
	goStartNewServer()
	newServerAddr = os.Getenv("OTHER_TCP")
}

// serveOther lets the other server serve a connection, half-closed ends included.
func serveOther(conn net.Conn) {
	up, err := net.Dial("tcp", os.Getenv("OTHER_TCP"))
	if err != nil {
		panic(err)
	}
	go func() {
		io.Copy(up, conn)
		up.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(conn, up)
	conn.Close()
	up.Close()
}
