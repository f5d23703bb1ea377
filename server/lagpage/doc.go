// Package lagpage serves consumer lag to Prometheus, under the names that other
// exporters of Kafka have.
//
// It imports lag alone, and never waits for Kafka. Begin with page.go; the
// metrics themselves are the table at the top of text.go.
package lagpage
