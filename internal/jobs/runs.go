package jobs

import "time"

// Runs is what came of a job on this node since the start.
type Runs struct {
	Every    time.Duration
	Done     time.Time // end of the last run that went well, zero if there was none here
	Failures uint64
}

// Runs returns what came of each job so far; safe for concurrent use.
func (r *Runner) Runs() map[string]Runs {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]Runs, len(r.runs))
	for name, runs := range r.runs {
		all[name] = *runs
	}
	return all
}

// count notes how a run ended. A run that was stopped is neither.
func (r *Runner) count(job string, err error, stopped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch runs := r.runs[job]; {
	case err == nil:
		runs.Done = r.Now()
	case !stopped:
		runs.Failures++
	}
}
