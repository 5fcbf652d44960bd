import MimoSystem
