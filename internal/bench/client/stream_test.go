package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/bench/client"
)

func TestReadStream(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/users/user-7/stream" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, "retry: 1000\n\nevent: unread\ndata: {\"unread\":1}\n\nevent: item\ndata: {\"id\":\"a\"}\n\nevent: state\ndata: {\"id\":\"none\"}\n\nevent: item\ndata: {\"id\":\"b\"}\n\n")
	}))
	defer srv.Close()
	var ids []string
	began := false
	err := client.ReadStream(t.Context(), srv.Client(), srv.URL, "user-7", func() { began = true }, func(id string, _ time.Time) { ids = append(ids, id) })
	if err != nil || !began || strings.Join(ids, " ") != "a b" {
		t.Errorf("read %v, begun %t, %v", ids, began, err)
	}
	if err := client.ReadStream(t.Context(), srv.Client(), srv.URL, "user-8", func() {}, nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a refusal: %v", err)
	}
}
