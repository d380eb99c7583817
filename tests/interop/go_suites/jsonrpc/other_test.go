package jsonrpc

import (
	"io"
	"net"
	"os"
)

// serveOther lets the other server serve a connection, until that server closes it.
func serveOther(conn io.ReadWriteCloser) {
	up, err := net.Dial("tcp", os.Getenv("OTHER_JSON"))
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
