from tests.api.serving import Api

def test_x(agent: Api) -> None:
    made = agent.promise()
    print(made)
    print(agent.commitment(made["id"]), agent.flag(made["id"]), agent.told(made["id"]))
    agent.later(hours=1)
    print(agent.flag(made["id"]), agent.told(made["id"]))
