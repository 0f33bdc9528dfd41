"""Who answers for which place, since when: cells, people, teams, duties, rosters, villages."""
