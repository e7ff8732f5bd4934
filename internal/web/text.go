package web

import "github.com/labstack/echo/v4"

// Text is a text in the reader's language, for what is not a page.
func Text(c echo.Context, key string, args ...any) string {
	f, ok := c.Echo().Renderer.(*face)
	if !ok {
		return key
	}
	return f.texts.Text(Lang(c.Request().Context()), key, args...)
}
