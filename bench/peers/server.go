// Go: net, one goroutine per connection, which sleeps for delayed replies.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

func answer(connection net.Conn, hold time.Duration) {
	defer connection.Close()
	size := 64 * 1024
	if hold > 0 {
		size = 1024
	}
	buffer := make([]byte, size)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if hold > 0 {
			time.Sleep(hold)
		}
		if _, err := connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func main() {
	hold, _ := strconv.Atoi(os.Args[1])
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go answer(connection, time.Duration(hold)*time.Millisecond)
	}
}
