package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"google.golang.org/protobuf/types/known/structpb"

	"mohr/internal/i18n"
)

// maxCost bounds what one expression may cost, in CEL's units.
const maxCost = 100_000

// plan is a connector's expressions, ready to run.
type plan struct {
	body, about, result cel.Program // about: nil if there is none
	claims              map[string]cel.Program
	until, ref, again   cel.Program // nil without poll
	link, call          cel.Program // nil without webhook
	address             cel.Program // nil without smtp
}

// said is what a gateway's answer came to.
type said struct {
	result Result
	claims map[string]any
}

// compile reads the expressions. Those of the question see q, those of the
// answer q, status, body, and ref, which is "" where nothing is waited for.
func (f *ConnectorFile) compile() (plan, error) {
	asking, err := environment()
	if err != nil {
		return plan{}, err
	}
	reading, err := asking.Extend(cel.Variable("status", cel.IntType), cel.Variable("body", cel.DynType), cel.Variable("ref", cel.StringType))
	if err != nil {
		return plan{}, err
	}
	p := plan{claims: map[string]cel.Program{}}
	var errs []error
	add := func(env *cel.Env, what, source string, want *cel.Type) cel.Program {
		prg, err := program(env, source, want)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
		return prg
	}
	if f.SMTP != nil {
		p.address = add(asking, "smtp.to", f.SMTP.To, cel.StringType)
		return p, errors.Join(errs...)
	}
	p.body = add(asking, "body", f.Body, cel.MapType(cel.StringType, cel.DynType))
	p.result = add(reading, "result", f.Result, cel.StringType)
	if f.About != "" {
		p.about = add(reading, "about", f.About, cel.BoolType)
	}
	for name, source := range f.Claims {
		p.claims[name] = add(reading, "claims."+name, source, nil)
	}
	if f.Poll != nil {
		polling, err := asking.Extend(cel.Variable("ref", cel.StringType))
		if err != nil {
			return plan{}, err
		}
		p.until = add(reading, "poll.until", f.Poll.Until, cel.BoolType)
		p.ref = add(reading, "poll.ref", f.Poll.Ref, cel.StringType)
		if f.Poll.Body != "" {
			p.again = add(polling, "poll.body", f.Poll.Body, cel.MapType(cel.StringType, cel.DynType))
		}
	}
	if f.Webhook != nil {
		called, err := cel.NewEnv(cel.Variable("body", cel.DynType), ext.Strings())
		if err != nil {
			return plan{}, err
		}
		p.link = add(reading, "link.url", f.Link.URL, cel.StringType)
		p.call = add(called, "webhook.ref", f.Webhook.Ref, cel.StringType)
	}
	return p, errors.Join(errs...)
}

// pending reports whether the answer is there; if not, ref is what to ask for
// it with. asked is what it was asked with, "" the first time.
func (p *plan) pending(q map[string]string, asked string, status int, body []byte) (ref string, done bool, err error) {
	in, err := input(q, asked, status, body)
	if err != nil {
		return "", false, err
	}
	if done, err = p.final(in); err != nil || done {
		return "", done, err
	}
	ref, err = text(p.ref, "poll.ref", in)
	return ref, false, err
}

// final asks poll.until.
func (p *plan) final(in map[string]any) (bool, error) {
	out, _, err := p.until.Eval(in)
	if err != nil {
		return false, errors.New("the expression poll.until has no value for this answer")
	}
	done, ok := out.Value().(bool)
	if !ok {
		return false, errors.New("the expression poll.until is neither true nor false")
	}
	return done, nil
}

// text evaluates an expression that names something.
func text(prg cel.Program, what string, in map[string]any) (string, error) {
	out, _, err := prg.Eval(in)
	if err != nil {
		return "", fmt.Errorf("the expression %s has no value for this answer", what)
	}
	s, _ := out.Value().(string)
	if s == "" || len(s) > maxName {
		return "", fmt.Errorf("the expression %s names nothing", what)
	}
	return s, nil
}

// input is what expressions about an answer see.
func input(q map[string]string, ref string, status int, body []byte) (map[string]any, error) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, errors.New("the answer is no JSON")
	}
	return map[string]any{"q": q, "ref": ref, "status": status, "body": v}, nil
}

// maxName bounds what a gateway names an open question, or a place to go to, by, octets.
const maxName = 2048

func environment() (*cel.Env, error) {
	return cel.NewEnv(append(functions(), cel.Variable("q", cel.MapType(cel.StringType, cel.StringType)))...)
}

// functions are what expressions may call.
func functions() []cel.EnvOption {
	return []cel.EnvOption{
		ext.Strings(),
		cel.Function("gregorian", cel.Overload("gregorian_string", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(gregorian))),
		cel.Function("jalali", cel.Overload("jalali_string", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(jalali))),
	}
}

// jalali turns YYYY-MM-DD into the Solar Hijri date, YYYY/MM/DD.
func jalali(v ref.Val) ref.Val {
	s, ok := v.Value().(string)
	t, err := time.Parse(time.DateOnly, s)
	if !ok || err != nil {
		return types.NewErr("no date")
	}
	y, m, d := i18n.Jalali(t)
	return types.String(fmt.Sprintf("%04d/%02d/%02d", y, m, d))
}

// gregorian turns a Solar Hijri date, YYYY/MM/DD or YYYYMMDD, into YYYY-MM-DD.
func gregorian(v ref.Val) ref.Val {
	s, _ := v.Value().(string)
	var y, m, d int
	layout := "%4d/%2d/%2d"
	if len(s) == 8 {
		layout = "%4d%2d%2d"
	}
	if _, err := fmt.Sscanf(s, layout, &y, &m, &d); err != nil {
		return types.NewErr("no date")
	}
	t, ok := i18n.FromJalali(y, m, d)
	if !ok {
		return types.NewErr("no date")
	}
	return types.String(t.Format(time.DateOnly))
}

// program compiles one expression; want is its type, nil for any.
func program(env *cel.Env, source string, want *cel.Type) (cel.Program, error) {
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if got := ast.OutputType(); want != nil && got.Kind() != want.Kind() && got.Kind() != types.DynKind {
		return nil, fmt.Errorf("it is %s and should be %s", got, want)
	}
	return env.Program(ast, cel.CostLimit(maxCost))
}

// write makes the question's JSON.
func write(prg cel.Program, in map[string]any) ([]byte, error) {
	out, _, err := prg.Eval(in)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	v, err := plain(out)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("body is no map")
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return b, nil
}

// plain returns a value as encoding/json reads one.
func plain(v ref.Val) (any, error) {
	n, err := v.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return nil, errors.New("a value that JSON has not")
	}
	return n.(*structpb.Value).AsInterface(), nil
}

// read makes an answer of a body. Errors quote nothing of it.
func (p *plan) read(q map[string]string, ref string, status int, body []byte) (said, error) {
	in, err := input(q, ref, status, body)
	if err != nil {
		return said{}, err
	}
	if p.about != nil {
		if yes, _, err := p.about.Eval(in); err != nil || yes.Value() != true {
			return said{}, errors.New("the answer is not about the question")
		}
	}
	out, _, err := p.result.Eval(in)
	if err != nil {
		return said{}, errors.New("the expression result has no value for this answer")
	}
	s, _ := out.Value().(string)
	a := said{result: Result(s), claims: map[string]any{}}
	if a.result != Match && a.result != Mismatch && a.result != Inconclusive {
		return said{}, errors.New("the expression result is none of match, mismatch, inconclusive")
	}
	if a.result != Match {
		return a, nil
	}
	for name, prg := range p.claims {
		out, _, err := prg.Eval(in)
		if err != nil {
			return said{}, fmt.Errorf("the expression of %s has no value for this answer", name)
		}
		if a.claims[name], err = plain(out); err != nil {
			return said{}, fmt.Errorf("the expression of %s has no value that JSON has", name)
		}
	}
	return a, nil
}

// claim returns a claim as a T. A JSON number is an integer if it is whole.
func claim[T any](a said, name string, needed bool) (T, error) {
	var none T
	v, there := a.claims[name]
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		v = int64(f)
	}
	t, ok := v.(T)
	if !there && !needed {
		return none, nil
	}
	if !ok {
		return none, fmt.Errorf("%s is missing or of another type", name)
	}
	return t, nil
}
