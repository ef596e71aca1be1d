"""Float64 columns over many candles: indicators and the rules that find setups."""
