package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
)

// freePorts finds ports on the loopback interface that nobody listens on.
//
// They lie below the range that outgoing connections are given. From within
// it, a port could be taken by any connection while its server is stopped,
// even by the very client that tries to reach that server.
func freePorts(count int) ([]int, error) {
	low, high := 10000, 32767
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var first int
		if _, err := fmt.Sscan(string(text), &first); err == nil && first-1 < high {
			high = first - 1
		}
	}
	if high-low < 1000 {
		low, high = 1024, 9999
	}
	var ports []int
	for tries := 0; len(ports) < count; tries++ {
		if tries == 1000 {
			return nil, fmt.Errorf("no free ports between %d and %d on 127.0.0.1", low, high)
		}
		port := low + rand.IntN(high-low+1)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer listener.Close() // only now, so that no port is found twice
		ports = append(ports, port)
	}
	return ports, nil
}

// listens says whether a server accepts connections.
func listens(ctx context.Context, address string) error {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}
