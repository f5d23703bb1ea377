package attack

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// registry is a schema registry that has one schema and takes its time to say no.
type registry struct {
	url    string
	server *http.Server
	done   chan error
}

const wideProto = `syntax = "proto3";
message Wide {
  message Empty {}
  repeated Empty empty = 1;
  repeated string texts = 2;
}`

// refusalTime is how long a registry on the network takes for an answer.
const refusalTime = 20 * time.Millisecond

func newRegistry() (*registry, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // of a client that has gone
	}
	r := &registry{url: "http://" + listener.Addr().String(), done: make(chan error, 1)}
	r.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/schemas/ids/1":
			answer(w, http.StatusOK, map[string]string{"schema": wideProto, "schemaType": "PROTOBUF"})
		case "/schemas/types":
			answer(w, http.StatusOK, []string{"AVRO", "PROTOBUF"})
		default:
			timer := time.NewTimer(refusalTime)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-q.Context().Done():
			}
			answer(w, http.StatusNotFound, map[string]any{"error_code": 404, "message": "HTTP 404 Not Found"})
		}
	})}
	go func() { r.done <- r.server.Serve(listener) }()
	return r, nil
}

func (r *registry) close() error {
	err := r.server.Close()
	<-r.done
	return err
}
