package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"strings"
)

// serveNames serves a proxy, as long as this process lives, to which every name
// below .localhost is this machine, and returns its address. Go's own resolver
// knows only what /etc/hosts says.
func serveNames() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: http.HandlerFunc(tunnel), ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), nil
}

// tunnel answers CONNECT, which is what TLS needs.
func tunnel(w http.ResponseWriter, request *http.Request) {
	host, port, err := net.SplitHostPort(request.Host)
	if request.Method != http.MethodConnect || err != nil {
		http.Error(w, "parts: this proxy answers CONNECT HOST:PORT only", http.StatusMethodNotAllowed)
		return
	}
	if strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	server, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		http.Error(w, "parts: "+err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		io.Copy(server, buffered)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, server)
}
