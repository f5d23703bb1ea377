package advice

import (
	"regexp"
	"strings"
)

// Function says what a function of other languages is called in an expression; "" if
// the name says nothing.
func Function(name string) string {
	switch strings.ToLower(strings.ReplaceAll(name, "_", "")) {
	case "tolower", "tolowercase", "lower", "lowercase", "lcase", "downcase":
		return "write x.lowerAscii()"
	case "toupper", "touppercase", "upper", "uppercase", "ucase", "upcase":
		return "write x.upperAscii()"
	case "now", "today", "currenttime", "currenttimestamp", "getdate", "sysdate", "utcnow", "unixtimestamp":
		return clock
	case "date", "datetime", "todate", "totimestamp", "parsetime", "parsedate", "strptime":
		return "write time(x), which reads a time in any form that services write"
	case "len", "length", "count", "strlen", "cardinality":
		return "write size(x)"
	case "isnull", "isnil", "isnone", "isempty", "isblank":
		return `write x == null, x == "" or !has(event.x)`
	case "isnotnull", "exist", "isset", "defined", "isdefined", "isdef", "haskey":
		return "write has(event.x) && event.x != null"
	case "coalesce", "ifnull", "nvl", "default", "orelse", "getordefault":
		return `write or(x, y): y where x is missing or null`
	case "parsejson", "jsonparse", "fromjson", "tojson", "jsondecode", "parse", "unmarshal", "jsonextract", "getjsonobject":
		return "write json(x), which reads the JSON that stands in a text"
	case "includes", "contain", "hasany":
		return `write x.contains("y") for a text, and y in x for a list or map`
	case "any", "some", "anymatch":
		return "write x.exists(e, condition about e)"
	case "every", "allmatch":
		return "write x.all(e, condition about e)"
	case "foreach", "each", "explode", "unnest":
		return "give the rule each: LIST, and use item for the element"
	case "select", "collect", "pluck", "transform":
		return "write x.map(e, e.field)"
	case "where", "find", "grep":
		return "write x.filter(e, condition about e), and [0] behind it for the first"
	case "concat", "strcat", "append":
		return `write x + y, or "${x} ${y}" in a text`
	case "tostring", "str", "text", "tochar", "stringof":
		return "write string(x)"
	case "toint", "parseint", "integer", "long", "tolong", "number", "tonumber", "atoi":
		return "write int(x)"
	case "float", "tofloat", "decimal", "todouble", "parsefloat":
		return "write double(x)"
	case "strip", "trimspace":
		return "write x.trim()"
	case "substr", "left", "mid":
		return "write x.substring(from, to)"
	case "regex", "regexp", "match", "regexmatch", "test", "like":
		return `write x.matches("regular expression")`
	case "hasprefix", "beginswith":
		return `write x.startsWith("y")`
	case "hassuffix":
		return `write x.endsWith("y")`
	case "iif", "ifelse", "when", "case":
		return "write condition ? a : b"
	case "round", "floor", "ceil", "abs":
		return "write math." + strings.ToLower(name) + "(x)"
	case "min", "least":
		return "write math.least(x, y)"
	case "max", "greatest":
		return "write math.greatest(x, y)"
	case "first":
		return "write x[0]"
	case "last":
		return "write x[size(x) - 1]"
	case "base64encode", "btoa":
		return "write base64.encode(bytes(x))"
	}
	return ""
}

const clock = "there is no clock, so that a record gives the same every time: timestamp is the record's time, time the event's; for what is over at some time, give the rule expires_at"

// Name says what a name of other languages is called in an expression; "" if the name
// says nothing.
func Name(name string) string {
	switch strings.ToLower(name) {
	case "nil", "none", "undefined", "null", "nul", "nan":
		return "write null; a field that may be missing is asked for by has(event.x), and or(event.x, y) gives another value for both"
	case "now", "today", "current_timestamp", "sysdate":
		return clock
	case "true", "yes", "on":
		return "write true"
	case "false", "no", "off":
		return "write false"
	case "item":
		return "item is there in a rule with each: alone, of which it is the element"
	case "value", "payload", "data", "body", "record", "message", "msg", "after", "before", "this", "self", "it", "json", "object":
		return "the record's value is event, and its fields are event.x"
	case "header":
		return `write headers["x"]`
	case "recipient", "user", "userid":
		return "what is in the event is event.x"
	}
	return ""
}

var (
	single     = regexp.MustCompile(`(^|[^=!<>])=([^=]|$)`)
	negation   = regexp.MustCompile(`\bnot\s+[\w(]`)
	listInside = regexp.MustCompile(`\bin\s*\(`)
	recognised = regexp.MustCompile(`^token recognition error at: '(.*)'$`)
	unexpected = regexp.MustCompile(`^(?:mismatched|extraneous) input '([^']*)' expecting (.*)$`)
)

// Syntax says what to write in an expression that CEL's parser refuses with a message.
func Syntax(expression, message string) string {
	if m := recognised.FindStringSubmatch(message); m != nil {
		return token(expression, m[1])
	}
	switch {
	case message == "reserved identifier: if":
		return "write condition ? a : b instead of if"
	case strings.HasPrefix(message, "reserved identifier: "):
		return "a word of CEL's own is no name here; write event[\"x\"] for a field of that name"
	case strings.Contains(message, "argument to has()"):
		return `has() takes a field, such as has(event.a); for a name in quotes write "a" in event, for an element size(event.list) > 0`
	case strings.Contains(expression, "??"):
		return "write or(x, y) instead of x ?? y"
	case strings.Contains(expression, "?."):
		return "write .? instead of ?., such as event.?a.?b, and .orValue(y) behind it"
	case strings.Contains(expression, "<>"):
		return "write != instead of <>"
	case listInside.MatchString(expression):
		return `a list stands in brackets: x in ["a", "b"]`
	}
	m := unexpected.FindStringSubmatch(message)
	if m == nil {
		return "look for a missing quote, bracket or operator before it"
	}
	switch strings.ToLower(m[1]) {
	case "and":
		return "write && instead of and"
	case "or":
		return "write || instead of or; or(x, y) is a function"
	case "is":
		return "write == instead of is"
	case "like", "matches", "contains", "startswith":
		return `write x.contains("y"), x.startsWith("y") or x.matches("regular expression")`
	case "between":
		return "write x >= a && x <= b"
	case "<eof>":
		if m[2] == "':'" {
			return "condition ? a : b needs both values"
		}
		return "it ends too early: look for a missing value or bracket at its end"
	}
	if negation.MatchString(expression) {
		return "write !x instead of not x"
	}
	return "look for a missing quote, bracket or operator before it"
}

// token is about characters that begin nothing.
func token(expression, at string) string {
	switch {
	case strings.HasPrefix(at, "=") && strings.Contains(expression, "==="):
		return "write == instead of ==="
	case strings.HasPrefix(at, "=") && single.MatchString(expression):
		return "write == to compare; nothing is assigned here"
	case strings.HasPrefix(at, "&"):
		return "write && instead of &"
	case strings.HasPrefix(at, "|"):
		return "write || instead of |"
	case strings.HasPrefix(at, "$"):
		return "an expression has no ${...} around its values: write event.a"
	case strings.HasPrefix(at, ";"):
		return "an expression is not ended by ;"
	case strings.HasPrefix(at, "'"), strings.HasPrefix(at, `"`):
		return "this text has no quote at its end"
	case strings.ContainsAny(at, "“”‘’„«»"):
		return `write plain quotes, " or '`
	}
	return "look for a missing quote, bracket or operator before it"
}

// Plain is a parser's message without its lists of all that might stand there.
func Plain(message string) string {
	if before, _, ok := strings.Cut(message, " expecting {"); ok {
		return before
	}
	return message
}

// Operands says what to do about operands that a function does not take, as CEL names
// them: "(bool, null)".
func Operands(function, operands string) string {
	switch {
	case strings.Contains(operands, "null"):
		return "null is compared with a field alone, as in event.a == null; or(x, y) gives another value for it"
	case function == "in":
		return `write x in ["a", "b"] for a list, and x.contains("y") for a text`
	case strings.Contains(operands, "timestamp") && strings.Contains(operands, "string"):
		return `write time("2026-01-31T09:00:00Z") for a time`
	case strings.Contains(operands, "timestamp"):
		return `write duration("72h") for a span of time`
	}
	switch function {
	case "startsWith", "endsWith", "contains", "matches", "split", "replace", "trim", "substring", "indexOf", "lowerAscii", "upperAscii", "join", "format", "exists", "all", "map", "filter", "orValue", "flatten":
		return "write the value before it: x." + function + "(...)"
	}
	return "give it values of one type, for example by string(), int() or double()"
}
