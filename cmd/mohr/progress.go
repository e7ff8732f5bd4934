package main

import (
	"io"

	"github.com/schollz/progressbar/v3"
)

// progressOf returns a bar for work of unknown length, drawn on w when the
// work reports and cleared at its end. The library's own clock, which would
// turn the spinner in between, is off: it reads without a lock what the work
// writes.
func progressOf(w io.Writer, description string, options ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(-1, append([]progressbar.Option{
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(description),
		progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionClearOnFinish(),
	}, options...)...)
}
