package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/belfry/belfry/sources/rules/bill"
)

// maxExpressionBytes is how long one expression may be.
const maxExpressionBytes = 16 << 10

// expression is a compiled CEL expression, safe for concurrent use.
type expression struct {
	text    string
	program cel.Program
	counted bool      // its work depends on the sizes of what it meets
	nodes   uint64    // what it costs if it is not counted
	typ     *cel.Type // what it yields; dyn if that depends on the event
	path    path      // nil if it is more than that
	guard   *guard    // nil if it has none
	ofItem  bool      // it asks for the element of the rule's list
	adapter adapter
}

// value evaluates the expression over an event.
func (e *expression) value(v *variables) (ref.Val, error) {
	if err := v.bill.Spend(1); err != nil {
		return nil, err
	}
	if e.guard.refuses(v) {
		return types.False, nil
	}
	if found, ok := e.path.follow(v); ok {
		// CEL itself reports a number that cannot be computed with.
		if out := e.adapter.NativeToValue(found); !types.IsError(out) {
			return out, v.bill.Look(out)
		}
	}
	out, err := e.run(v)
	if err != nil {
		return nil, evaluationError(err)
	}
	return out, v.bill.Look(out)
}

// run has CEL evaluate it.
func (e *expression) run(v *variables) (ref.Val, error) {
	if e.counted {
		return v.bill.Eval(e.program, v)
	}
	if err := v.bill.Spend(e.nodes); err != nil {
		return nil, err
	}
	out, _, err := e.program.Eval(v)
	return out, err
}

// missingError is an evaluation that met a field that the event lacks.
type missingError struct{ field string }

func (e *missingError) Error() string {
	return fmt.Sprintf("there is no field %.80q; where it may be missing, write .?%[1]s and .orValue(...), such as event.?%[1]s.orValue(\"\")", hinted(e.field))
}

// hinted is the name as it stands in an expression, in a hint.
func hinted(field string) string {
	if identifier.MatchString(field) {
		return field
	}
	return "field"
}

// noSuchKey is how CEL begins what it says of a field that is missing.
const noSuchKey = "no such key: "

func evaluationError(err error) error {
	for _, stopped := range []error{bill.ErrOver, bill.ErrLate} {
		if errors.Is(err, stopped) {
			return stopped
		}
	}
	text := strings.TrimSpace(err.Error())
	if field, ok := strings.CutPrefix(text, noSuchKey); ok {
		return &missingError{field: field}
	}
	if strings.Contains(text, "no such overload") {
		return fmt.Errorf("%s: a value is null or has another type than this takes; say what stands for null by or(x, y), convert others by string(), int() or double()", text)
	}
	return errors.New(text)
}

// language compiles the expressions of one source. It has two environments that
// differ in what a number that is no integer becomes: a double where values are
// compared and computed, and a double that knows its text where values are
// written.
type language struct {
	computed, written *cel.Env
	names             []string // of all variables
}

// newLanguage returns what a source without let has. Dates without a zone are in
// that zone.
func newLanguage(zone *time.Location) (*language, error) {
	options := []cel.EnvOption{
		cel.OptionalTypes(),
		ext.Strings(ext.StringsMaxPrecision(20)),
		ext.Math(),
		ext.Sets(),
		ext.Encoders(),
		// Later versions can make lists of any length out of a number.
		ext.Lists(ext.ListsVersion(1)),
		ext.Bindings(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpressionBytes),
		cel.ParserRecursionLimit(100),
		cel.Function("time", cel.Overload("time_dyn", []*cel.Type{cel.DynType}, cel.TimestampType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				t, _, err := readTime(v, zone)
				if isBlank(v) {
					err = errors.New("there is none to compute with: the value is null or empty; give another by or(x, y)")
				}
				if err != nil {
					return types.NewErr("time(): %v", err)
				}
				return types.Timestamp{Time: t}
			}))),
	}
	l := &language{}
	for _, b := range builtins {
		options = append(options, cel.Variable(b.name, b.typ))
		l.names = append(l.names, b.name)
	}
	environment := func(a adapter) []cel.EnvOption {
		return slices.Concat(options, ownFunctions(a), []cel.EnvOption{cel.CustomTypeAdapter(a)})
	}
	var err error
	if l.computed, err = cel.NewEnv(environment(adapter{})...); err != nil {
		return nil, fmt.Errorf("make the expression language: %w", err)
	}
	if l.written, err = cel.NewEnv(environment(adapter{exact: true})...); err != nil {
		return nil, fmt.Errorf("make the expression language: %w", err)
	}
	return l, nil
}

// define adds a variable.
func (l *language) define(name string, typ *cel.Type) error {
	computed, err := l.computed.Extend(cel.Variable(name, typ))
	if err != nil {
		return err
	}
	written, err := l.written.Extend(cel.Variable(name, typ))
	if err != nil {
		return err
	}
	l.computed, l.written, l.names = computed, written, append(l.names, name)
	return nil
}

// issue is something wrong with an expression, at a place in its text; both
// count from 0.
type issue struct {
	line, column int
	text         string
}

// compile checks and plans an expression. Written: its value is written out,
// not computed with.
func (l *language) compile(text string, written bool) (*expression, []issue) {
	if strings.TrimSpace(text) == "" {
		return nil, []issue{{text: "is empty; write a CEL expression, such as event.customerId"}}
	}
	env := l.computed
	if written {
		env = l.written
	}
	checked, problems := env.Compile(text)
	if problems != nil && problems.Err() != nil {
		return nil, l.issues(text, problems.Errors())
	}
	root := checked.NativeRep().Expr()
	charge, counted := bill.Charge(env, root)
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(charge)}
	if written {
		options = append(options, cel.CustomDecoratorV2(exactOnly(root)))
	}
	program, err := env.Program(checked, options...)
	if err != nil {
		return nil, []issue{{text: err.Error()}}
	}
	return &expression{
		text: text, program: program, counted: counted, nodes: nodes(root), typ: checked.OutputType(), path: pathOf(root), guard: guardOf(root), ofItem: names(root, itemName), adapter: adapter{exact: written},
	}, nil
}

func (l *language) issues(text string, errs []*common.Error) []issue {
	var out []issue
	for _, e := range errs {
		out = append(out, issue{
			line: max(e.Location.Line()-1, 0), column: max(e.Location.Column(), 0), text: l.explain(text, e.Message),
		})
	}
	// A mistake of syntax has others in its wake, as has a function that would have
	// named an element.
	if len(out) > 1 && (strings.HasPrefix(out[0].text, "syntax error") || strings.HasPrefix(out[0].text, "unknown function")) {
		out = out[:1]
	}
	return out
}

// nodes is how many there are in an expression.
func nodes(e ast.Expr) uint64 {
	var n uint64
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(ast.Expr) { n++ }))
	return n
}
