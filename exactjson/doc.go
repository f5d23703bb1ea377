// Package exactjson reads JSON that decides something, over HTTP and over Kafka: names
// count exactly as they are written, none stands twice, and an error names the field.
//
// It imports the root package. It is [Parse].
package exactjson
