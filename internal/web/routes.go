package web

import (
	"cmp"
	"slices"
)

// Route is what a server answers to: a method and a path as it was registered
// ("/x/:id").
type Route struct{ Method, Path string }

// Routes are all routes of the server, each once, in order.
func (s *Server) Routes() (list []Route) {
	for _, r := range s.Echo.Routes() {
		list = append(list, Route{r.Method, r.Path})
	}
	slices.SortFunc(list, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return slices.Compact(list)
}
