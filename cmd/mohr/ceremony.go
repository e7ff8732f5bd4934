package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mohr/ca/ceremony"
	"mohr/ca/ceremony/plan"
	"mohr/ca/custody"
	"mohr/cmd/mohr/service"
	"mohr/hsm"
	"mohr/internal/store"
)

// ceremonyFlags hold a ceremony from a file.
type ceremonyFlags struct {
	dir     string
	approve []string
	yes     bool
}

func ceremonyCommand() *cobra.Command {
	var f ceremonyFlags
	c := &cobra.Command{
		Use: "ceremony FILE", Short: "Make roots, issuing authorities and revocation lists from one reviewed file",
		Long: `Make roots, issuing authorities and revocation lists from one reviewed file.

Without --yes nothing is made: every certificate and list is built with keys that are thrown away, checked by the
linter and shown. With --yes and the signatures of enough custodians over the file, the ceremony is held. A ceremony that
was cut off is finished by the same command; nothing is made twice.

  1. Each custodian makes a key and tells its fingerprint      mohr ceremony custodian NAME
  2. The file is written and tried                             mohr ceremony example > FILE; mohr ceremony FILE
  3. Each custodian reads the file and signs it                mohr ceremony sign FILE
  4. The ceremony is held, on the machine with the root token  mohr ceremony FILE --approve A.p7s --approve B.p7s --yes
  5. Each custodian reads the minutes and signs them           mohr ceremony sign minutes.json
  6. The record is closed and carried to the service           mohr ceremony close record.json --signature ...
  7. The stopped service takes it in, and stamps it later      mohr ceremony import record.json

The directory (--dir) remembers what the roots have signed: keep it with the root's token, later ceremonies need it.`,
		Example: `  mohr ceremony hierarchy.yaml
  mohr ceremony hierarchy.yaml --dir vault --approve maryam.p7s --approve davood.p7s --yes
  mohr ceremony verify record.json`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), args[0], c.OutOrStdout()) },
	}
	c.Flags().StringVar(&f.dir, "dir", "ceremony", "directory that remembers all ceremonies of a root")
	c.Flags().StringArrayVar(&f.approve, "approve", nil, "a custodian's signature over FILE (CMS); may be repeated")
	c.Flags().BoolVar(&f.yes, "yes", false, "hold the ceremony, and not only show what it would make")
	c.AddCommand(ceremonyExampleCommand(), ceremonyCustodianCommand(), ceremonySignCommand(), ceremonyCloseCommand(), ceremonyVerifyCommand(),
		ceremonyImportCommand(), ceremonyExportCommand(), ceremonyCSRCommand(), ceremonyAcceptCommand(), ceremonyStopCommand())
	return c
}

func ceremonyExampleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "example", Short: "Print a commented file to begin from", Example: "  mohr ceremony example > hierarchy.yaml", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(plan.Example)
			return err
		},
	}
}

func (f *ceremonyFlags) run(ctx context.Context, file string, out io.Writer) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	p, err := plan.Parse(b)
	if err != nil {
		return err
	}
	d, err := openCeremonyDir(f.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	conf, err := d.WithHomes(d.ring, p)
	if err != nil {
		return err
	}
	if !f.yes {
		return rehearse(ctx, conf, p, file, out)
	}
	approvals, err := readAll(f.approve)
	if err != nil {
		return err
	}
	record, err := ceremony.Hold(ctx, conf, p, approvals)
	if err != nil {
		return err
	}
	folder := filepath.Join(f.dir, p.Date.Format("2006-01-02")+"-"+p.SHA256()[:8])
	if err := writeCeremony(folder, record); err != nil {
		return err
	}
	fmt.Fprintf(out, `The ceremony of %s is held. Its results are in %s.
Now each custodian reads the minutes and signs them, and the record is closed:
  mohr ceremony sign %s --key KEY --cert CERT --out NAME.p7s
  mohr ceremony close %s --dir %s --signature NAME.p7s --signature ...
`, file, folder, filepath.Join(folder, minutesFile), filepath.Join(folder, recordFile), f.dir)
	return nil
}

func rehearse(ctx context.Context, conf ceremony.Config, p *plan.Plan, file string, out io.Writer) error {
	list, err := ceremony.Rehearse(ctx, conf, p)
	if err != nil {
		return err
	}
	for _, v := range list {
		if err := showPreview(out, v); err != nil {
			return err
		}
	}
	for _, r := range p.Revoke {
		fmt.Fprintf(out, "revoked: %s (%s)\n\n", r.ID, r.Reason)
	}
	_, err = fmt.Fprintf(out, `All of this passed the linter. Nothing was made.
SHA-256 of %s: %s
%d of these must sign it:
%s`, file, p.SHA256(), p.Custodians.Need, custodianLines(p.Custodians))
	return err
}

func custodianLines(c plan.Custodians) string {
	var b strings.Builder
	for _, k := range c.Keys {
		fmt.Fprintf(&b, "  %s  %s\n", k.CertificateSHA256, k.Name)
	}
	return b.String()
}

// ceremonyPlace is a store with what ceremonies need of it.
type ceremonyPlace struct {
	ceremony.Config
	ring *hsm.Keyring
}

// Close gives store and keys back.
func (p *ceremonyPlace) Close() { errors.Join(p.Store.Close(), p.ring.Close()) }

// openCeremonyDir opens the directory that ceremonies are held in.
func openCeremonyDir(dir string) (*ceremonyPlace, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ceremony directory: %w", err)
	}
	s, err := store.OpenBolt(filepath.Join(dir, "ceremony.db"))
	if err != nil {
		return nil, err
	}
	return &ceremonyPlace{ceremony.Config{Store: s, Version: release + " " + commit()}, hsm.Open(hsm.Config{})}, nil
}

// placeFlags name the data of a stopped service.
type placeFlags struct{ config, data, store string }

func (f *placeFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "configuration file of the service (YAML)")
	c.Flags().StringVar(&f.data, "data", "", "data directory, where the configuration does not say")
	storeFlag(c.Flags(), &f.store)
}

// open opens the store and the keys of a stopped service, which may have no
// authority yet.
func (f *placeFlags) open(ctx context.Context) (*ceremonyPlace, error) {
	c, err := service.LoadConfig(f.config)
	if err != nil {
		return nil, usageError{err}
	}
	if f.data != "" {
		c.Data = f.data
	}
	if f.store != "" {
		c.Store = f.store
	}
	c.Defaults()
	if err := os.MkdirAll(filepath.Join(c.Data, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	home := c.Keys
	if home == "" {
		home = hsm.FileURI(filepath.Join(c.Data, "keys"))
	}
	s, err := service.OpenStore(ctx, c.Data, c.Store, true)
	if err != nil {
		return nil, err
	}
	ring := hsm.Open(hsm.Config{})
	keys := custody.New(custody.Config{Store: s, Ring: ring, Home: home, Former: c.FormerKeys})
	return &ceremonyPlace{ceremony.Config{
		Store: s, Key: keys.Signer, Production: c.Production, Version: release + " " + commit(),
		Find: ceremony.FindIn(ring, append([]string{home}, c.FormerKeys...)...),
	}, ring}, nil
}

func readAll(files []string) (list [][]byte, err error) {
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}
