package inject

func (p *plan) agent()  {}
func (p *plan) rotate() {}
