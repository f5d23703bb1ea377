package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

func TestBrokerRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	file := programtest.WriteFile(t, "file", "")
	addr := taken.Addr().String()
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"port in use", []string{"--addr", addr}, cli.ExitFailure, []string{"--addr", addr, "in use"}},
		{"no port", []string{"--addr", "localhost"}, cli.ExitUsage, []string{"--addr", "localhost", "host:port"}},
		{"wildcard", []string{"--addr", "0.0.0.0:9092"}, cli.ExitUsage, []string{"--addr", "one host"}},
		{"topic without a number", []string{"--addr", "127.0.0.1:0", "--topics", "orders:many"}, cli.ExitUsage, []string{"--topics", "orders:many", "1 to 10000"}},
		{"topic without a name", []string{"--addr", "127.0.0.1:0", "--topics", ":3"}, cli.ExitUsage, []string{"--topics", "no topic"}},
		{"data folder is a file", []string{"--addr", "127.0.0.1:0", "--data-dir", file}, cli.ExitFailure, []string{"--data-dir", file}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call(t, nil, append([]string{"broker"}, tt.args...)...).WantError(t, tt.code, tt.want...)
		})
	}
}

func TestBrokerRunsUntilTheSignal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	defer cancel()
	r, w := io.Pipe()
	var stderr bytes.Buffer
	p := testProgram(nil)
	p.Stdout, p.Stderr = w, &stderr
	code := make(chan int, 1)
	go func() {
		code <- p.Run(ctx, []string{"broker", "--addr", "127.0.0.1:0", "--log-format", "json", "--topics", "orders,comments:3"})
		w.Close()
	}()

	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("read the address: %v", err)
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "embedded broker ready at ")
	if !ok {
		t.Fatalf("printed %q", line)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("dial the broker: %v", err)
	}
	conn.Close()
	topics, err := kafkatest.Admin(t, []string{addr}).ListTopics()
	if err != nil || topics["orders"].NumPartitions != 1 || topics["comments"].NumPartitions != 3 {
		t.Errorf("got topics %v, %v, want orders with 1 partition and comments with 3", topics, err)
	}

	cancel()
	if got := <-code; got != cli.ExitOK {
		t.Errorf("exit code %d, want 0; stderr %q", got, &stderr)
	}
	if !strings.HasPrefix(stderr.String(), `{"time":`) || !strings.Contains(stderr.String(), addr) {
		t.Errorf("log %q is no JSON with %s", &stderr, addr)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("still listens")
	}
}
