package http

import (
	"embed"
	"io/fs"
	nethttp "net/http"

	"github.com/labstack/echo/v4"
)

// assets are the documentation page and, once make build has fetched it, Redoc itself.
//
//go:embed assets
var assets embed.FS

// docsPolicy lets the page load nothing from anywhere else. Redoc makes its styles and its search worker as it runs.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; worker-src blob:; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) docsRoutes() {
	s.echo.GET("/docs", s.asset("assets/docs.html", "text/html; charset=utf-8"))
	s.echo.GET("/docs/redoc.standalone.js", s.asset("assets/redoc.standalone.js", "text/javascript; charset=utf-8"))
}

func (s *Server) asset(name, contentType string) echo.HandlerFunc {
	return func(c echo.Context) error {
		content, err := fs.ReadFile(assets, name)
		if err != nil {
			return echo.NewHTTPError(nethttp.StatusNotFound)
		}
		c.Response().Header().Set("Content-Security-Policy", docsPolicy)
		c.Response().Header().Set("Cache-Control", "public, max-age=3600")
		return c.Blob(nethttp.StatusOK, contentType, content)
	}
}
