package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// getTotal answers GET /v1/users/{user}/total: how many items the user has. A
// handler returns its errors; problem.go makes answers of them.
func (s *Server) getTotal(w http.ResponseWriter, _ *http.Request, c auth.Call) error {
	row, err := s.config.Rows.Row(c.User)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	wire.Respond(w, http.StatusOK, map[string]int{"total": len(row.Items)})
	return nil
}

// A new call is a handler in a file of its own and a line in routes.go, which says
// who may call it. Its test gives the server tables in memory.
func Example_handler() {
	tables := servertest.NewTables()
	record := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "1", Title: belfry.PlainText("x")}}
	if _, err := tables.Append(context.Background(), inbox.Addressed{Recipients: []string{"user-7"}, Record: record}); err != nil {
		fmt.Println(err)
		return
	}
	s, err := New(Config{Rows: tables, Items: tables, Journal: tables, Auth: auth.None()})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := mux.NewRouter()
	s.get(m, userPath+"/total", auth.Owner, s.getTotal)

	for _, user := range []string{"user-7", "nobody"} {
		answer := httptest.NewRecorder()
		m.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v1/users/"+user+"/total", nil))
		fmt.Print(answer.Code, " ", answer.Body)
	}
	// Output:
	// 200 {"total":1}
	// 200 {"total":0}
}
