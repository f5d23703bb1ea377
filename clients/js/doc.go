// Package js holds the browser's client of Belfry: the npm package that the folder
// is, and what the build made of it, which the server serves as /belfry.js,
// /belfry-bell.js and the service worker /belfry-sw.js, beside what these load later.
//
// It is written in JavaScript, under src, and imports the standard library
// alone. Begin reading with src/store.js, the reducer, and with [Files].
package js

//go:generate go run ./build
