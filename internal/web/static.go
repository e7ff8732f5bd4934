package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

//go:embed static
var static embed.FS

// mountStatic serves each embedded file at /static/<name>. Routes are exact:
// there is no path to climb out of.
func mountStatic(e *echo.Echo) error {
	files, err := fs.Glob(static, "static/*")
	if err != nil {
		return err
	}
	for _, name := range files {
		content, err := static.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		sum := sha256.Sum256(content)
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		e.GET("/"+name, func(c echo.Context) error {
			c.Response().Header().Set("Cache-Control", "public, max-age=3600")
			c.Response().Header().Set("ETag", tag)
			http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(content))
			return nil
		})
	}
	return nil
}
