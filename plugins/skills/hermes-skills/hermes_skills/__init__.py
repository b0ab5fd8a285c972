"""Skills: folders of instructions in the agentskills.io format, which the agent reads, uses and writes.

For other plugins: `hermes_skills.scan` (what is wrong with a skill's text), `hermes_skills.library` (all skills; the
service is `Library`), `hermes_skills.changes` (the one way skills are written), `hermes_skills.history` (versions, and
going back to one) and `hermes_skills.usage` (what was used, and how it went).
"""
