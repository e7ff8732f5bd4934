package backup

import (
	"log/slog"
	"net/http"
	"sync/atomic"
)

// Handler streams a backup to whoever asks by GET; one at a time. It asks
// nobody who they are: it belongs behind a door that does (internal/control).
func (s Source) Handler(log *slog.Logger) http.Handler {
	var busy atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !busy.CompareAndSwap(false, true) {
			http.Error(w, "another backup is being made; try again when it is done", http.StatusConflict)
			return
		}
		defer busy.Store(false)
		w.Header().Set("Content-Type", "application/x-tar")
		m, err := s.Write(r.Context(), w)
		if err != nil {
			log.ErrorContext(r.Context(), "backup not made", "error", err)
			panic(http.ErrAbortHandler) // the reader must not take what came for whole
		}
		log.InfoContext(r.Context(), "backup made", "size", m.Size, "sha256", m.SHA256)
	})
}
