package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startTimeout bounds the start of a process: a store of millions of records
// is opened within it.
const startTimeout = 5 * time.Minute

// Process is a part of the measurement that runs beside it: this program
// again, with another command.
type Process struct {
	name      string
	Addresses map[string]string // of its ready line: "https" -> "127.0.0.1:4711"
	log       string            // file with what it wrote to stderr
	cmd       *exec.Cmd
}

// Start runs a program with args and waits for its ready line.
func Start(ctx context.Context, program, dir, name string, stdin []byte, args ...string) (*Process, error) {
	p := &Process{name: name, log: filepath.Join(dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own descriptor
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Stderr, p.cmd.Stdin = log, bytes.NewReader(stdin)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 20 * time.Second
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	ready := make(chan map[string]string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if a := readyAddresses(lines.Text()); a != nil {
				ready <- a
				break
			}
		}
		close(ready)
		io.Copy(io.Discard, out) // until it ends
	}()
	select {
	case a, ok := <-ready:
		if ok {
			p.Addresses = a
			return p, nil
		}
		err = errors.New("it ended before it was ready")
	case <-time.After(startTimeout):
		err = fmt.Errorf("it was not ready within %s", startTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.Stop()
	return nil, fmt.Errorf("start %s: %w\n%s", name, err, tail(p.log))
}

// readyAddresses reads "mohr ready https=127.0.0.1:8443 ..."; nil for any
// other line.
func readyAddresses(line string) map[string]string {
	before, after, ok := strings.Cut(line, " ready ")
	if !ok || !strings.HasPrefix(before, "mohr") {
		return nil
	}
	a := map[string]string{}
	for _, field := range strings.Fields(after) {
		if name, address, ok := strings.Cut(field, "="); ok {
			a[name] = address
		}
	}
	return a
}

// Stop ends the process and waits for it.
func (p *Process) Stop() {
	if p == nil || p.cmd.ProcessState != nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	ended := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
	ended.Stop()
}

// Signal sends the process a signal: SIGSTOP and SIGCONT, to a process that
// hangs for a while.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process at once, by SIGKILL, and waits for it.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait() // an error: it was killed
}

// tail returns the end of a file, for a message.
func tail(file string) []byte {
	b, _ := os.ReadFile(file) // nothing to show is nothing to say
	return b[max(0, len(b)-2000):]
}

// Usage is what a process has used up so far and holds now.
type Usage struct {
	CPU    time.Duration // user and system
	Memory float64       // resident, octets
	// Updates of a store that several processes share, and how many runs of
	// them did not fit between others; zero with any other store.
	Updates, Again float64
}

// UsageOf asks a process for its own figures, in Prometheus' text format.
func UsageOf(ctx context.Context, ops string) (Usage, error) {
	var u Usage
	b, err := Fetch(ctx, "http://"+ops+"/metrics")
	if err != nil {
		return u, err
	}
	cpu := -1.0
	figures := map[string]*float64{
		"process_cpu_seconds_total": &cpu, "process_resident_memory_bytes": &u.Memory,
		"mohr_store_update_seconds_count": &u.Updates, "mohr_store_retries_total": &u.Again,
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		to, ok := figures[name]
		if !ok {
			continue
		}
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return u, fmt.Errorf("metric %s: %w", name, err)
		}
	}
	if cpu < 0 || u.Memory == 0 {
		return u, fmt.Errorf("%s does not tell its processor time and memory: that needs Linux", ops)
	}
	u.CPU = time.Duration(cpu * float64(time.Second))
	return u, nil
}

// OfMachine is how many processes of this machine want to run, over the last
// minute; 0 where it does not say.
func OfMachine() (load float64) {
	b, _ := os.ReadFile("/proc/loadavg") // of Linux
	fmt.Sscan(string(b), &load)
	return load
}

// Fetch gets a URL that answers 200.
func Fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, res.Status)
	}
	return b, err
}
