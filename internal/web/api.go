package web

import (
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
)

// mountAPI puts huma under /api/v1 and its document at /openapi.json.
func (s *Server) mountAPI(portal string) {
	format := huma.Format{Marshal: encodeJSON, Unmarshal: decodeJSON}
	s.API = humaecho.NewWithGroup(s.Echo, s.Echo.Group(apiPrefix), huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Mohr", Version: "1",
				Description: "Enrollment and renewal of e-signature certificates, trust badges, complaints."},
			Servers: []*huma.Server{{URL: portal + apiPrefix}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "given at the creation"},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.translate},
	})
	// Routes are registered before the first request, so the document is
	// made once.
	document := sync.OnceValues(func() ([]byte, error) { return json.Marshal(s.API.OpenAPI()) })
	s.Echo.GET("/openapi.json", func(c echo.Context) error {
		b, err := document()
		if err != nil {
			return err
		}
		c.Response().Header().Set("Cache-Control", "public, max-age=300")
		return c.Blob(http.StatusOK, "application/vnd.oai.openapi+json;version=3.1", b)
	})
}

// schemaName prefixes a type's name with its package's: two rooms may both
// have a Record.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pkg, _, named := strings.Cut(t.String(), ".")
	if t.Name() == "" || t.PkgPath() == "" || !named || pkg == "web" {
		return name
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}

// forgetModel drops huma's own error model from the document: our answers
// never have its shape.
func forgetModel(r huma.Registry) {
	delete(r.Map(), "HumaErrorModel")
	delete(r.Map(), "HumaErrorDetail")
}
