"""`pip install '.[a,b]'` rehearsed: every extra that is asked for is declared."""

import configparser
import re
import sys

declared = configparser.ConfigParser()
declared.read("setup.cfg")
extras = set(declared["options.extras_require"])
asked = {name for argument in sys.argv for found in re.findall(r"\[(.*?)\]", argument) for name in found.split(",")}
sys.exit(f"no such extra: {', '.join(sorted(asked - extras))}" if asked - extras else 0)
