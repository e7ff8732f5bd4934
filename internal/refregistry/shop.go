package refregistry

import (
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
)

// Bounds of the shops' web server.
const (
	maxFile  = 64 << 10 // octets
	maxFiles = 100      // of one domain
)

// shops are the files of the domains in the people file.
type shops struct {
	mu    sync.RWMutex
	files map[string]map[string][]byte // domain -> path -> content; guarded by mu
}

// Shop returns the web server of all shops: it picks the files by the Host
// header, and knows only domains of the people file.
func (s *Server) Shop() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		domain := strings.ToLower(r.Host)
		if host, _, err := net.SplitHostPort(domain); err == nil {
			domain = host
		}
		s.shops.mu.RLock()
		b, ok := s.shops.files[domain][r.URL.Path]
		s.shops.mu.RUnlock()
		if (r.Method != http.MethodGet && r.Method != http.MethodHead) || !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Write(b) // a reader who has gone needs no answer
	})
}

// shopPath returns domain and path of a request, if a shop may have it.
func (s *Server) shopPath(r *http.Request) (domain, file string, ok bool) {
	domain, file = strings.ToLower(r.PathValue("domain")), "/"+r.PathValue("path")
	return domain, file, s.domains[domain] && len(file) <= 256 && path.Clean(file) == file
}

// putShop stores a file of a shop, as its owner would on a real web server.
func (s *Server) putShop(w http.ResponseWriter, r *http.Request) {
	domain, file, ok := s.shopPath(r)
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such shop in the people file, or no such path")
		return
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFile))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "the file is too long")
		return
	}
	s.shops.mu.Lock()
	defer s.shops.mu.Unlock()
	files := s.shops.files[domain]
	if files == nil {
		files = map[string][]byte{}
		s.shops.files[domain] = files
	}
	if _, known := files[file]; !known && len(files) >= maxFiles {
		refuse(w, http.StatusInsufficientStorage, "the shop has too many files")
		return
	}
	files[file] = b
	w.WriteHeader(http.StatusNoContent)
}

// deleteShop takes a file away; one that is not there is no error.
func (s *Server) deleteShop(w http.ResponseWriter, r *http.Request) {
	domain, file, ok := s.shopPath(r)
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such shop in the people file, or no such path")
		return
	}
	s.shops.mu.Lock()
	delete(s.shops.files[domain], file)
	s.shops.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
