package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/cmd/mohr/service"
	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
)

func chipCommand() *cobra.Command {
	return group("chip", "Look at whose passports are believed, and make simulated ones", chipTrustCommand(), chipSimulateCommand())
}

func chipTrustCommand() *cobra.Command {
	conf := service.ChipConfig{Environment: "production"}
	var asJSON bool
	c := &cobra.Command{
		Use: "trust DIR", Short: "Say what of a directory of authorities' certificates and master lists would be trusted; nothing is changed",
		Long: "DIR has certificates of countries' authorities (CSCA), each trusted because it is there, and master lists, each trusted if one of those\n" +
			"vouches for it. Files are in DER or PEM, whatever they are called.",
		Example: "  mohr chip trust /etc/mohr/csca --crls /var/lib/mohr/crls", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			conf.CSCA = args[0]
			t, err := service.OpenChips(conf, time.Now())
			if t == nil {
				return err
			}
			return errors.Join(printTrust(c.OutOrStdout(), t.Entries(), asJSON, time.Now()), err)
		},
	}
	c.Flags().StringVar(&conf.CRLs, "crls", "", "directory of their CRLs")
	c.Flags().StringSliceVar(&conf.WithoutCRL, "without-crl", nil, "countries, by two letters, that publish no CRL")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON, one line an entry")
	return c
}

func printTrust(w io.Writer, list []chip.Entry, asJSON bool, now time.Time) error {
	if asJSON {
		e := json.NewEncoder(w)
		for _, entry := range list {
			if err := e.Encode(entry); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tCOUNTRY\tUNTIL\tHOLDS\tFILE\tWHAT")
	trusted, over, refused := map[string]int{}, 0, 0
	for _, e := range list {
		until, what := "", e.Subject
		if !e.Until.IsZero() {
			until = e.Until.Format(time.DateOnly)
		}
		switch {
		case e.Refused != "":
			refused++
			what = "REFUSED: " + e.Refused
		case !e.Until.IsZero() && e.Until.Before(now):
			over++
			what = "OVER: " + what
			fallthrough
		default:
			trusted[e.Kind]++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", e.Kind, e.Country, until, e.Count, e.File, what)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "Trusted: %d authorities, %d master lists, %d CRLs; %d of them are over. Refused: %d.\n",
		trusted[chip.KindAuthority], trusted[chip.KindMasterList], trusted[chip.KindCRL], over, refused)
	return err
}

// simulated is what mohr chip simulate is told.
type simulated struct {
	chipsim.Holder
	data, challenge, rnd string
	noKey                bool
}

func chipSimulateCommand() *cobra.Command {
	var s simulated
	c := &cobra.Command{
		Use: "simulate", Short: "Make a passport of a development service's simulated country, as a phone would hand it in",
		Long: "Prints the body of POST /api/v1/applications/{id}/evidence/emrtd_chip for a new passport. The chip answers the challenge that\n" +
			"GET .../evidence/emrtd_chip/challenge gave; without one it is what a copy would hand in.",
		Example: "  mohr chip simulate --data mohr-data --national-code 0012345679 --birth-date 1990-05-14 --first-name NAME --last-name NAME --challenge C --rnd R",
		Args:    exactly(0),
		RunE:    func(c *cobra.Command, _ []string) error { return s.print(c.OutOrStdout(), time.Now()) },
	}
	f := c.Flags()
	f.StringVar(&s.data, "data", "mohr-data", "data directory of the development service")
	f.StringVar(&s.NationalCode, "national-code", "", "of the holder")
	f.StringVar(&s.BirthDate, "birth-date", "", "YYYY-MM-DD")
	f.StringVar(&s.FirstName, "first-name", "", "in Persian letters")
	f.StringVar(&s.LastName, "last-name", "", "in Persian letters")
	f.StringVar(&s.LatinFirst, "latin-first-name", "SIMULATED", "for the machine-readable zone")
	f.StringVar(&s.LatinLast, "latin-last-name", "HOLDER", "for the machine-readable zone")
	f.StringVar(&s.Number, "number", "S00000001", "of the document, nine characters")
	f.StringVar(&s.challenge, "challenge", "", "that the service gave")
	f.StringVar(&s.rnd, "rnd", "", "that it gave with it, 16 hexadecimal digits")
	f.BoolVar(&s.noKey, "no-key", false, "a chip that has no key of its own")
	for _, name := range []string{"national-code", "birth-date"} {
		c.MarkFlagRequired(name)
	}
	return c
}

func (s *simulated) print(w io.Writer, now time.Time) error {
	country, err := chipsim.Open(service.SimulatedChips(s.data))
	if err != nil {
		return err
	}
	if _, err := time.Parse(time.DateOnly, s.BirthDate); err != nil {
		return usageError{errors.New("--birth-date is no date; write YYYY-MM-DD")}
	}
	kind := chipsim.ECKey
	if s.noKey {
		kind = chipsim.NoKey
	}
	s.Expires = now.AddDate(5, 0, 0).Format(time.DateOnly)
	c, err := chipsim.Issue(s.Holder, kind, country.Signer, now.Add(-time.Hour))
	if err != nil {
		return err
	}
	f := c.Files
	body := map[string]any{"sod": f.SOD, "dg1": f.DG1, "dg2": f.DG2, "read_at": now.UTC().Truncate(time.Second)}
	for name, file := range map[string][]byte{"dg11": f.DG11, "dg14": f.DG14, "dg15": f.DG15} {
		if file != nil {
			body[name] = file
		}
	}
	if s.challenge != "" {
		rnd, err := hex.DecodeString(s.rnd)
		if err != nil || len(rnd) != chip.ChallengeSize {
			return usageError{errors.New("--rnd is not 16 hexadecimal digits")}
		}
		answer, err := c.Answer(rnd)
		if err != nil {
			return err
		}
		body["active_authentication"] = map[string]any{"challenge": s.challenge, "response": answer}
	}
	return json.NewEncoder(w).Encode(body)
}
