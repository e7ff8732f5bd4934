package gateway

import (
	"errors"

	"cel.dev/cel-go/cel"
)

// Expression is one expression as connectors have them, over one variable. It
// is safe for concurrent use.
type Expression struct{ prg cel.Program }

// NewExpression compiles source, in which variable is a JSON object.
func NewExpression(source, variable string) (Expression, error) {
	env, err := cel.NewEnv(append(functions(), cel.Variable(variable, cel.MapType(cel.StringType, cel.DynType)))...)
	if err != nil {
		return Expression{}, err
	}
	prg, err := program(env, source, cel.StringType)
	return Expression{prg}, err
}

// Text runs the expression. An error quotes nothing of the values.
func (e Expression) Text(variable string, value map[string]any) (string, error) {
	out, _, err := e.prg.Eval(map[string]any{variable: value})
	if err != nil {
		return "", errors.New("the expression has no value")
	}
	s, ok := out.Value().(string)
	if !ok {
		return "", errors.New("the expression is no text")
	}
	return s, nil
}
