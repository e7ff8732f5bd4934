package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// Site is where a service under load is found.
type Site struct {
	Portal   string // base URL
	Root     string // file
	Registry string // base URL of its reference registry
	Dir      string // for what is left there
}

// Shop is a business with a badge.
type Shop struct{ Badge, Business string }

// Soak is a long load of every kind on a service that is broken meanwhile.
type Soak struct {
	Rounds
	For time.Duration
	// Open has a badge granted to a shop.
	Open func(context.Context, Site) (Shop, error)
}

// Soaked is what a Soak came to.
type Soaked struct {
	Damage
	Applied  int       `json:"applied"`  // applications that were approved
	Filed    int       `json:"filed"`    // complaints that consumers were told of
	GivenUp  int       `json:"given_up"` // applications and complaints that were refused on their way, before a promise
	Periods  []Period  `json:"periods"`
	Verdicts []Verdict `json:"verdicts"`
}

// Period is a minute of a Soak, or a twentieth of a shorter one.
type Period struct {
	End    time.Duration     `json:"end"`    // since the beginning
	Memory []float64         `json:"memory"` // of each process, resident, MiB; 0: it did not say
	Load   float64           `json:"load"`   // of the machine, over a minute
	Calls  map[string]Spread `json:"calls"`  // by kind, answered well
	Again  int               `json:"again"`  // calls that were refused or broke

	took map[string][]time.Duration
}

// Spread is how long so many calls took, in milliseconds.
type Spread struct {
	Count    int
	P50, P99 float64
}

// soaking is a Soak at work.
type soaking struct {
	*breaking
	length time.Duration
	shop   Shop
	begun  time.Time
	out    Soaked          // guarded by mu of breaking, as is what follows
	now    Period          // under way
	told   map[string]bool // complaints
	list   string          // path of a CRL; "": none is known yet
}

// pause is the longest wait of a client between two deeds, and betweenFaults
// that of the dice.
const (
	pause         = 700 * time.Millisecond
	betweenFaults = 12 * time.Second
)

// Run breaks a service in dir for a while and compares what its clients were
// told with store and log.
func (s Soak) Run(ctx context.Context, c Config, dir string) (Soaked, error) {
	s.SpareFirst = true
	people := max(batch, int(s.For.Seconds())*6)
	b, err := openBreaking(ctx, c, dir, s.Rounds, people)
	if err != nil {
		return Soaked{}, err
	}
	defer b.close()
	k := &soaking{breaking: b, length: s.For, told: map[string]bool{}}
	_, port, _ := strings.Cut(b.portal.Address, ":")
	if k.shop, err = s.Open(ctx, Site{Portal: "https://localhost:" + port, Root: b.file("data/root.pem"), Registry: "http://" + b.registry, Dir: dir}); err != nil {
		return Soaked{}, fmt.Errorf("badge for a shop: %w", err)
	}
	k.begun, k.now, b.took = time.Now(), newPeriod(), k.note
	if err = k.work(ctx); err == nil {
		err = k.weighAll(ctx)
	}
	k.out.Damage = b.damage
	k.out.Verdicts = verdicts(k.out.Periods)
	return k.out, err
}

// work lets clients and dice work until the time is over.
func (k *soaking) work(ctx context.Context) error {
	var clients, watcher sync.WaitGroup
	over := func() bool { return ctx.Err() != nil || time.Since(k.begun) > k.length }
	client := func(id int, do func(*rand.Rand)) {
		dice := rand.New(rand.NewPCG(k.Seed, uint64(id+1)))
		clients.Go(func() {
			for !over() {
				do(dice)
				wait(ctx, time.Duration(dice.Int64N(int64(pause))))
			}
		})
	}
	for i := range k.Clients {
		client(i, func(dice *rand.Rand) { k.holder(ctx, dice) })
	}
	client(k.Clients, func(dice *rand.Rand) { k.complain(ctx, dice) })
	client(k.Clients+1, func(dice *rand.Rand) { k.read(ctx, dice) })
	done := make(chan struct{})
	watcher.Go(func() { k.watch(ctx, done) })
	var err error
	for err == nil {
		wait(ctx, betweenFaults/4+time.Duration(k.dice.Int64N(int64(betweenFaults*3/4))))
		if over() {
			break
		}
		f := k.kinds[k.dice.IntN(len(k.kinds))]
		if err = f.run(ctx, k.breaking, time.Duration(50+k.dice.IntN(500))*time.Millisecond); err != nil {
			err = fmt.Errorf("%s: %w", f.kind, err)
		}
		k.count(func(x *Damage) { x.Faults[f.kind]++ })
	}
	clients.Wait()
	close(done)
	watcher.Wait()
	return err
}

func newPeriod() Period { return Period{took: map[string][]time.Duration{}} }

// note keeps how long a call took that was answered well.
func (k *soaking) note(kind string, d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d < 0 {
		k.now.Again++
		return
	}
	k.now.took[kind] = append(k.now.took[kind], d)
}

// watch ends a period after the other until done.
func (k *soaking) watch(ctx context.Context, done <-chan struct{}) {
	period := max(5*time.Second, min(time.Minute, k.length/20))
	every := time.NewTicker(period)
	defer every.Stop()
	for {
		select {
		case <-done:
			return
		case <-every.C:
		}
		if time.Since(k.begun) > k.length+period/2 {
			continue // the last deeds are ended, and no new one is begun
		}
		memory := make([]float64, len(k.nodes))
		for i, n := range k.nodes {
			short, cancel := context.WithTimeout(ctx, 10*time.Second)
			k.mu.Lock()
			ops := n.ops
			k.mu.Unlock()
			if u, err := load.UsageOf(short, ops); err == nil {
				memory[i] = u.Memory / (1 << 20)
			}
			cancel()
		}
		k.mu.Lock()
		p := k.now
		k.now = newPeriod()
		p.End, p.Memory, p.Load, p.Calls = time.Since(k.begun).Round(time.Second), memory, load.OfMachine(), map[string]Spread{}
		for kind, all := range p.took {
			slices.Sort(all)
			p.Calls[kind] = Spread{len(all), load.Milliseconds(load.Quantile(all, 50)), load.Milliseconds(load.Quantile(all, 99))}
		}
		p.took = nil
		k.out.Periods = append(k.out.Periods, p)
		wrong := k.damage.Lost + k.damage.Doubled + k.damage.Wrong
		k.mu.Unlock()
		k.say("  %s: %.0f MiB, %d issued, %d again, %d wrong", p.End, memory, p.Calls["issue"].Count, p.Again, wrong)
	}
}

// Verdict says of a figure whether it stays what it is.
type Verdict struct {
	Figure string  `json:"figure"`
	Median float64 `json:"median"`
	Rise   float64 `json:"rise"` // of the line, from its beginning to its end
	Flat   bool    `json:"flat"`
}

// verdicts judges the memory of the first process, which nobody kills, and the
// medians of what was answered.
func verdicts(list []Period) []Verdict {
	figures := map[string]func(Period) float64{"memory of the first process, MiB": func(p Period) float64 { return p.Memory[0] }}
	for _, kind := range []string{"issue", "renew", "revoke", "ocsp", "page"} {
		figures[kind+", p50 in ms"] = func(p Period) float64 { return p.Calls[kind].P50 }
	}
	var out []Verdict
	for name, of := range figures {
		var all []float64
		for _, p := range list {
			all = append(all, of(p))
		}
		out = append(out, judge(name, all))
	}
	slices.SortFunc(out, func(a, b Verdict) int { return slices.Compare([]byte(a.Figure), []byte(b.Figure)) })
	return out
}

// flatRise is how much of the median a figure may rise.
const flatRise = 0.2

// judge puts a straight line through the figures of all periods, without the
// first quarter, in which caches fill, and without those that are missing (0).
// Its slope is the median of those between every two periods (Theil and Sen):
// a period in which much was broken does not tilt it. Flat is what rises from
// the line's beginning to its end by no more than a fifth of the figures'
// median.
func judge(name string, all []float64) Verdict {
	var used, slopes []float64
	first := len(all) / 4
	for x := first; x < len(all); x++ {
		if all[x] == 0 {
			continue
		}
		used = append(used, all[x])
		for before := first; before < x; before++ {
			if all[before] > 0 {
				slopes = append(slopes, (all[x]-all[before])/float64(x-before))
			}
		}
	}
	v := Verdict{Figure: name, Median: median(used), Rise: median(slopes) * float64(len(all)-1-first)}
	v.Flat = len(slopes) > 0 && v.Rise <= flatRise*v.Median
	return v
}

// Print shows the figures to people.
func (s Soaked) Print(out io.Writer) {
	kinds := []string{"issue", "renew", "revoke", "ocsp", "page"}
	fmt.Fprint(out, "| until | load | MiB of each process | refused or broken |")
	for _, kind := range kinds {
		fmt.Fprintf(out, " %s: calls, p50, p99 ms |", kind)
	}
	fmt.Fprint(out, "\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, p := range s.Periods {
		fmt.Fprintf(out, "| %s | %.1f | %s | %d |", p.End, p.Load, strings.Trim(fmt.Sprintf("%.0f", p.Memory), "[]"), p.Again)
		for _, kind := range kinds {
			c := p.Calls[kind]
			fmt.Fprintf(out, " %d, %.0f, %.0f |", c.Count, c.P50, c.P99)
		}
		fmt.Fprintln(out)
	}
	for _, v := range s.Verdicts {
		says := "rises"
		if v.Flat {
			says = "flat"
		}
		fmt.Fprintf(out, "%-34s median %8.1f, the line rises by %8.1f: %s\n", v.Figure, v.Median, v.Rise, says)
	}
	fmt.Fprintf(out, "seed %d; %d applications, %d certificates, %d renewals, %d revocations, %d complaints; %d given up, %d calls again, %d answers of OCSP judged\n",
		s.Seed, s.Applied, s.Issued, s.Renewed, s.Revoked, s.Filed, s.GivenUp, s.Again, s.Asked)
	fmt.Fprintf(out, "faults %v\nlost %d, doubled %d, wrong %d %s\n", s.Faults, s.Lost, s.Doubled, s.Wrong, s.First)
}
