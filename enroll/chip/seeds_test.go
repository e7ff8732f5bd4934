package chip_test

import (
	"crypto"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"mohr/enroll/chip/chipsim"
)

var update = flag.Bool("update", false, "write the seeds of the fuzz targets anew")

// TestEveryFuzzTargetHasSeeds; with -update it makes them.
func TestEveryFuzzTargetHasSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	b, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`func (Fuzz\w+)`).FindAllSubmatch(b, -1) {
		seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", string(m[1]), "*"))
		if err != nil || len(seeds) == 0 {
			t.Errorf("%s has no seeds", m[1])
		}
	}
}

func writeSeeds(t *testing.T) {
	w, rsaWorld := newWorld(t, chipsim.ECKey), newWorld(t, chipsim.RSAKey)
	f := w.chip.Files
	list, err := w.csca.MasterList(now, w.csca.Certificate.Raw)
	w.must(err)
	crl, err := w.csca.CRL(now, serialOf(w, w.signer))
	w.must(err)
	c := challenge()
	answer, err := rsaWorld.chip.Answer(c[:])
	w.must(err)

	field := opensslCountry(t)
	field.issue(how{csca: ec("brainpoolP256r1", "explicit"), dsc: ec("brainpoolP384r1", "explicit")})
	ber := field.sod(papers(), "-md", "sha384", "-stream", "-indef")
	explicit, _ := pem.Decode(field.read("dsc.pem"))
	pss := opensslCountry(t)
	pss.issue(how{csca: rsaKey(2048), dsc: rsaKey(2048), certify: pssCert})
	pssSOD := pss.sod(papers(), pssSign...)
	pssCertificate, _ := pem.Decode(pss.read("dsc.pem"))
	pssCRL, _ := pem.Decode(pss.read("crl.pem"))

	for target, seeds := range map[string][][][]byte{
		"FuzzSOD":            {{f.SOD}, {ber}, {pssSOD}},
		"FuzzBER":            {{f.SOD[4:]}, {ber[4:]}},
		"FuzzCertificate":    {{w.signer.Certificate}, {explicit.Bytes}, {pssCertificate.Bytes}},
		"FuzzKey":            {{f.DG15[2:]}, {rsaWorld.chip.Files.DG15[4:]}},
		"FuzzSecurityObject": {{chipsim.SecurityObject(crypto.SHA256, w.groups())}},
		"FuzzDataGroups":     {{f.DG1}, {f.DG2}, {f.DG11}, {f.DG14}, {f.DG15}, {rsaWorld.chip.Files.DG15}},
		"FuzzMasterList":     {{list}},
		"FuzzCRL":            {{crl}, {pssCRL.Bytes}},
		"FuzzAnswer":         {{rsaWorld.chip.Files.DG15, answer}, {f.DG15, make([]byte, 64)}},
	} {
		dir := filepath.Join("testdata", "fuzz", target)
		w.must(os.MkdirAll(dir, 0o755))
		for i, values := range seeds {
			text := "go test fuzz v1\n"
			for _, v := range values {
				text += fmt.Sprintf("[]byte(%q)\n", v)
			}
			w.must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("seed-%d", i)), []byte(text), 0o644))
		}
	}
	for i, zone := range []string{specimenTD3, specimenTD1, chipsim.MRZ(holder())} {
		dir := filepath.Join("testdata", "fuzz", "FuzzMRZ")
		w.must(os.MkdirAll(dir, 0o755))
		w.must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("seed-%d", i)), []byte(fmt.Sprintf("go test fuzz v1\nstring(%q)\n", zone)), 0o644))
	}
}
