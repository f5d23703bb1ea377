// Package plain is the peer that Belfry's server is measured beside: streams and
// polls as one writes them with net/http.
//
// It reads the table as Belfry does and imports no server. Begin reading with
// [Plain].
package plain
