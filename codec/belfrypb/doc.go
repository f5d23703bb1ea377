// Package belfrypb is the wire form of what Belfry stores: generated from
// codec/belfry.proto, which has the rules for changing it, by go generate in
// package codec. That package converts it to and from the domain; nothing else
// uses it.
package belfrypb
