package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressOf returns a bar for work of unknown length, drawn on w when the
// work reports and cleared at its end. The library's own clock, which would
// turn the spinner in between, is off: it reads without a lock what the work
// writes. On a terminal it is drawn ten times a second at most; elsewhere, in a
// file that is looked at now and then, every ten seconds.
func progressOf(w io.Writer, description string, options ...progressbar.Option) *progressbar.ProgressBar {
	every := 10 * time.Second
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		every = 100 * time.Millisecond
	}
	return progressbar.NewOptions64(-1, append([]progressbar.Option{
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(description),
		progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(every),
	}, options...)...)
}
