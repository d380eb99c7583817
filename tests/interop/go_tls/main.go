// A client of TLS that does what no client may: it shows the certificate of
// another, and signs with a key of its own.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"os"
)

const call = `{"MagicNumber":3927900,"CodecType":"application/json"}
{"ServiceMethod":"Who.Am","Seq":1,"Error":""}
null
`

// Arguments: an address, the certificate's file, and its key's file if the key is its own.
func main() {
	text, err := os.ReadFile(os.Args[2])
	check(err)
	block, _ := pem.Decode(text)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	identity := tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
	if len(os.Args) > 3 {
		identity, err = tls.LoadX509KeyPair(os.Args[2], os.Args[3])
		check(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		fmt.Println(answer(&tls.Config{
			InsecureSkipVerify: true,
			MaxVersion:         version,
			Certificates:       []tls.Certificate{identity},
		}))
	}
}

// What the server says to a call, in one line.
func answer(config *tls.Config) string {
	conn, err := tls.Dial("tcp", os.Args[1], config)
	if err != nil {
		return "no connection"
	}
	defer conn.Close()
	fmt.Fprint(conn, call)
	bytes := make([]byte, 4096)
	n, err := io.ReadAtLeast(conn, bytes, 1)
	if err != nil {
		return "no answer"
	}
	return fmt.Sprintf("%q", bytes[:n])
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
