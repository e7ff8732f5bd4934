package bench

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"

	"mohr/internal/refregistry"
)

// person is an entry of a people file, as far as an applicant needs it.
type person struct {
	NationalCode string `json:"national_code"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	FatherName   string `json:"father_name"`
	BirthDate    string `json:"birth_date"`
	Gender       string `json:"gender"`
	Alive        bool   `json:"alive"`
	Mobile       string `json:"mobile"`
	SIMChanged   int    `json:"sim_changed_days"`
}

// names that the generated people have.
var (
	firstNames = []string{"زهرا", "علی", "مریم", "رضا", "سارا", "حسین", "نرگس", "امیر", "لیلا", "مهدی"}
	lastNames  = []string{"محمدی", "احمدی", "کریمی", "رضایی", "موسوی", "جعفری", "صادقی", "نوری", "اکبری", "یزدانی"}
)

// somewhere is where the codes of a new crowd begin: a store that was measured
// before has counted the applications of another one.
func somewhere() int { return rand.IntN(800_000_000) }

// makePeople invents n people whose codes hold, beginning with the from-th.
func makePeople(from, n int) []person {
	list := make([]person, n)
	for k := range list {
		i := from + k
		list[k] = person{
			NationalCode: nationalCode(100_000_000 + i), FirstName: firstNames[i%10], LastName: lastNames[i/10%10], FatherName: firstNames[i/100%10],
			BirthDate: fmt.Sprintf("19%02d-%02d-%02d", 50+i%50, 1+i/50%12, 1+i/600%28), Gender: "F", Alive: true,
			Mobile: fmt.Sprintf("+9891%08d", i%100_000_000), SIMChanged: 400,
		}
	}
	return list
}

// nationalCode adds the check digit to nine digits.
func nationalCode(nine int) string {
	s := strconv.Itoa(nine)
	sum := 0
	for i := range 9 {
		sum += int(s[i]-'0') * (10 - i)
	}
	check := sum % 11
	if check >= 2 {
		check = 11 - check
	}
	return s + strconv.Itoa(check)
}

// peopleFile is a people file of the reference registry: list, and who comes
// with the program, for its companies need them.
func peopleFile(list []person) ([]byte, error) {
	var file struct {
		Persons   []json.RawMessage `json:"persons"`
		Companies []json.RawMessage `json:"legal_persons"`
	}
	if err := json.Unmarshal(refregistry.DefaultPeople(), &file); err != nil {
		return nil, err
	}
	for _, p := range list {
		b, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		file.Persons = append(file.Persons, b)
	}
	return json.Marshal(file)
}
