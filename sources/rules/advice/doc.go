// Package advice says what somebody meant who wrote what a rules file does not know:
// the nearest of known names, what other languages' words are called here, and where a
// text stops to be YAML. It imports nothing but the standard library. Start with
// [Nearest].
package advice
