"""The definition: networks, random stream, objective and step, written once in Keras and ``keras.ops``."""
